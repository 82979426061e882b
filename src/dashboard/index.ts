/** The operators' dashboard: re-exports only. */
export type { Action, Target } from '../engine/access.ts'
export { sagaDashboard } from './app.ts'
export { type ExpressRequest, expressDashboard } from './doors/express.ts'
export { type FastifyReply, type FastifyRequest, type FastifyScope, fastifyDashboard } from './doors/fastify.ts'
export { type NextContext, type NextDashboardOptions, type NextRoute, nextDashboard } from './doors/next.ts'
export { type NodeListener, nodeDashboard } from './doors/node.ts'
export type {
  Actor,
  Authenticate,
  AuthenticateToken,
  AuthorizeActor,
  DashboardOptions,
  Limits,
  MetricsOption,
  Role,
} from './options.ts'
export { isOwnName } from './security/loopback.ts'
export { type ServedDashboard, type ServeOptions, serveDashboard } from './serve.ts'
