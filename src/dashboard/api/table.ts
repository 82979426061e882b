/** All routes of the API, in the order of the documentation. An address comes before the one that would take it as an id. */
import { ACT_ROUTES } from './acts.ts'
import { DEFINITION_ROUTES } from './definitions.ts'
import { ERROR_ROUTES } from './error-groups.ts'
import { OPERATION_ROUTES } from './operations.ts'
import type { Route } from './route.ts'
import { SAGA_ROUTES } from './sagas.ts'
import { SYSTEM_ROUTES } from './system.ts'
import { TRIAGE_ROUTES } from './triage.ts'

export const ROUTES: readonly Route[] = [
  ...SAGA_ROUTES,
  ...ACT_ROUTES,
  ...ERROR_ROUTES,
  ...TRIAGE_ROUTES,
  ...OPERATION_ROUTES,
  ...DEFINITION_ROUTES,
  ...SYSTEM_ROUTES,
]
