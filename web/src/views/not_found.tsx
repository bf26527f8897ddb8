export function NotFound({ what }: { what: string }) {
  return (
    <main class="page">
      <section class="empty">
        <h1>Not here</h1>
        <p>{what}</p>
        <p><a href="#/">All sweeps</a></p>
      </section>
    </main>
  );
}
