/** A worker process of the same-rows floor. */
import { readFileSync } from 'node:fs'
import { type FloorOptions, FloorWorker } from '../floor/worker.ts'
import { serveWorker, Timeline } from './serve.ts'

export type FloorWorkerSettings = Omit<FloorOptions, 'tape'> & { readonly tapeFile: string }

const { tapeFile, ...options } = JSON.parse(process.argv[2] ?? '{}') as FloorWorkerSettings
const timeline = new Timeline()
serveWorker(new FloorWorker({ ...options, tape: JSON.parse(readFileSync(tapeFile, 'utf8')) }, timeline), timeline)
