import { useEffect, useMemo } from 'preact/hooks';
import { LiveSweep } from '../data/live';
import { SweepList } from '../data/list';
import { route } from '../data/route';
import { tokenAsked } from '../data/token';
import { Help } from '../parts/help';
import { TokenForm } from '../parts/token_form';
import { Toasts } from '../parts/toast';
import { installKeys } from '../parts/keys';
import { CompareView } from './compare';
import { ListView } from './list';
import { NewView } from './new';
import { SweepView } from './sweep';
import { TrialView } from './trial';

function ListPage() {
  const list = useMemo(() => new SweepList(), []);
  useEffect(() => () => list.close(), [list]);
  return <ListView list={list} />;
}

// One live sweep for its page and the pages of its trials.
function SweepPage({ id }: { id: string }) {
  const live = useMemo(() => new LiveSweep(id), [id]);
  useEffect(() => () => live.close(), [live]);
  return route.value.view === 'trial' ? <TrialView live={live} number={route.value.trial} /> : <SweepView live={live} />;
}

export function App() {
  useEffect(installKeys, []);
  const { view, sweep } = route.value;
  if (tokenAsked.value) return <TokenForm />;
  return (
    <>
      {view === 'list' && <ListPage />}
      {view === 'new' && <NewView />}
      {view === 'compare' && <CompareView />}
      {(view === 'sweep' || view === 'trial') && <SweepPage key={sweep} id={sweep} />}
      <Help />
      <Toasts />
    </>
  );
}
