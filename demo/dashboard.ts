/** The operators' dashboard, for as long as the demo is up. */
import { type ServedDashboard, serveDashboard } from '../src/dashboard/index.ts'
import type { SagaClient } from '../src/index.ts'

/** On 127.0.0.1 only: whoever sits at this machine may do everything. */
export function openDashboard(client: SagaClient): Promise<ServedDashboard> {
  return serveDashboard({
    client,
    authenticate: () => ({ id: 'demo', name: 'You', role: 'admin' }),
    environment: 'demo',
  })
}
