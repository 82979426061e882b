/** The rights of SQL users: roles for those who start sagas, who look at them, and who operate them, as GRANT statements. */
import { schemaName } from './store/names.ts'

/** What each of the functions takes, as Postgres names it. */
const STARTING = ['enqueue(text, jsonb, text, integer, timestamptz, text[], integer)'] as const
/** Without `compensate_past_pivot`, which is granted by name to whom it is meant for. */
const OPERATING = [
  'retry(uuid, text, text)',
  'compensate(uuid, text, text)',
  'cancel(uuid, text, text)',
  'pause(uuid, text, text)',
  'resume(uuid, text, text)',
  'recover_stuck(interval)',
  'cleanup(interval)',
] as const

const VIEWS = ['overview', 'step', 'dead_letter', 'stuck', 'command', 'own_command'] as const

export const SQL_ROLES = ['starter', 'viewer', 'operator'] as const
export type SqlRole = (typeof SQL_ROLES)[number]

export type GrantOptions = {
  /** Only for this one. */
  readonly only?: SqlRole
  /** The engine's schema: `saga` by default. */
  readonly schema?: string
  /** Who may start sagas, and see what became of their own commands: `saga_starter` by default. */
  readonly starter?: string
  /** Who may read the views: `saga_viewer` by default. */
  readonly viewer?: string
  /** Who may read the views and give orders: `saga_operator` by default. */
  readonly operator?: string
}

/**
 * The statements that make the three roles, where they are missing, and give each its rights on one engine's schema: no
 * others, and none on tables with payloads. They can be repeated. Run them as a role that may create roles and owns the
 * schema, after each upgrade that brings new functions or views.
 *
 * Roles belong to the whole server: give each application on it names of its own.
 *
 * @throws SagaError `NAME_INVALID` for a name that would need quoting.
 */
export function grantsFor(options: GrantOptions = {}): readonly string[] {
  const schema = schemaName(options.schema ?? 'saga')
  const all = (names: readonly string[]) => names.map((name) => `${schema}.${name}`).join(', ')
  const reading = (role: string) => [
    `grant select on ${all(VIEWS)} to ${role}`,
    // The view of stuck sagas asks what time it is, in the name of its reader: the clock has nothing in it but an offset.
    `grant select on ${all(['saga_clock'])} to ${role}`,
    `grant execute on function ${all(['now()'])} to ${role}`,
  ]
  const rights: { readonly [role in SqlRole]: (role: string) => readonly string[] } = {
    starter: (role) => [
      `grant execute on function ${all(STARTING)} to ${role}`,
      `grant select on ${all(['own_command'])} to ${role}`,
    ],
    viewer: reading,
    operator: (role) => [...reading(role), `grant execute on function ${all(OPERATING)} to ${role}`],
  }
  return SQL_ROLES.filter((role) => options.only === undefined || role === options.only).flatMap((role) => {
    const name = schemaName(options[role] ?? `saga_${role}`, 'role')
    return [roleIfMissing(name), `grant usage on schema ${schema} to ${name}`, ...rights[role](name)]
  })
}

/** Somebody else may make it at the same moment. */
function roleIfMissing(role: string): string {
  return `do $$ begin
  if not exists (select from pg_roles where rolname = '${role}') then create role ${role} nologin; end if;
exception when duplicate_object or unique_violation then null;
end $$`
}
