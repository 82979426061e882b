/** The names of definitions that have sagas of some kind, with one probe of an index for each: never by reading all their sagas. */

export function keyedDefinitions(schema: string): string {
  return namesOf(schema, 'k.key is not null', 'k.definition')
}

export function finishedDefinitions(schema: string): string {
  // In the whole order of `saga_finished`: another index that begins with the name would lead past all that live.
  return namesOf(schema, 'k.finished_at is not null', 'k.definition, k.status, k.finished_at')
}

function namesOf(schema: string, condition: string, order: string): string {
  const next = (more: string) =>
    `select k.definition from ${schema}.saga k where ${condition} ${more} order by ${order} limit 1`
  return `with recursive d(name) as ((${next('')}) union all select (${next('and k.definition > d.name')}) from d where d.name is not null)
    select d.name from d where d.name is not null`
}
