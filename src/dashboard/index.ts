/** The operators' dashboard: re-exports only. */
export type { Action, Target } from '../engine/access.ts'
export { sagaDashboard } from './app.ts'
export type { Actor, Authenticate, AuthorizeActor, DashboardOptions, Role } from './options.ts'
export { isOwnName } from './security/loopback.ts'
export { type ServedDashboard, type ServeOptions, serveDashboard } from './serve.ts'
