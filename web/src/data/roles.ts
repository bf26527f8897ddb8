// What the server lets this page's caller do, as its last answer said.
import { signal } from '@preact/signals';

export type Role = 'view' | 'submit' | 'work' | 'admin';

const roles = signal<string[] | undefined>(undefined);

export function noteRoles(header: string | null): void {
  if (header !== null && header !== roles.value?.join(',')) roles.value = header.split(',');
}

// While nothing is known yet, everything is offered, and the server has the word.
export const may = (role: Role): boolean => roles.value === undefined || roles.value.includes(role) || roles.value.includes('admin');
