// The spec that the form for a new sweep begins with: a sweep's, to be changed, or nothing.
import { signal } from '@preact/signals';

export const draft = signal<unknown>(undefined);
