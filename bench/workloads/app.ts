/** What the steps of all workloads share: the app that they belong to, and what a step returns. */
import type pg from 'pg'
import { z } from 'zod'
import { type AnyDefinition, sagasFor } from '../../src/index.ts'

export type BenchApp = {
  /** Told by the first step of each saga, so that the time from there to its end can be said. */
  readonly services: { readonly began: (sagaId: string) => void }
  readonly tx: pg.ClientBase
}

export const defineSaga = sagasFor<BenchApp>()

export const Input = z.object({ mode: z.string() })
export const INPUT = { mode: 'ok' }

/** About a hundred bytes as JSON, as those of the rivals. */
export const RESULT = {
  ok: true,
  ref: 'abcdefghijklmnopqrstuvwxyz0123456789',
  amount: 12345,
  currency: 'EUR',
  at: '2026-01-01T00:00:00Z',
}

type First = { readonly services: BenchApp['services']; readonly sagaId: string }

export const first = {
  action: async ({ services, sagaId }: First) => {
    services.began(sagaId)
    return RESULT
  },
  compensation: async () => {},
}

export const noop = { action: async () => RESULT, compensation: async () => {} }

/** A table of the app's own, with a row for each transactional step. */
export const APP_TABLES = `
  create schema app;
  create table app.entry (saga_id uuid not null, step text not null, cents bigint not null, primary key (saga_id, step));
`
export const APP_WRITE = 'insert into app.entry (saga_id, step, cents) values ($1, $2, 12345)'

/** How a workload is driven, and what is measured of it. */
export type Kind =
  /** Queued before, then drained. */
  | 'drain'
  /** Sagas arrive at a steady rate while others run. */
  | 'arrivals'
  /** One saga at a time, from the call of `enqueue` in another process to its outcome. */
  | 'idle'
  /** Only starts. */
  | 'enqueue-single'
  | 'enqueue-in-transactions'
  | 'enqueue-many'

export type Workload = {
  readonly name: string
  /** As the tables say it. */
  readonly title: string
  readonly kind: Kind
  readonly definition: AnyDefinition
  /** Sagas in a round at full size; samples of an idle system. */
  readonly sagas: number
  /** Worker processes. */
  readonly workers: number
  /** How each saga ends. */
  readonly ends: 'completed' | 'compensated'
  /** How long each step takes, in ms. */
  readonly stepMs?: number
  /** Its transactional steps. */
  readonly transactional?: readonly string[]
  /** The workload of the rivals' own that is the same. */
  readonly rivals?: 'w1' | 'w2' | 'w3'
}
