/** The operators' dashboard, for as long as the demo runs. */
import type { SagaClient } from '../src/index.ts'

export type Dashboard = { readonly url: string; close(): Promise<void> }

/** @returns `undefined` where there is no dashboard. */
export async function openDashboard(_sagas: SagaClient): Promise<Dashboard | undefined> {
  return undefined
}
