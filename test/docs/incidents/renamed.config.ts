import { defineConfig } from '../../../src/cli/index.ts'
import { renamed } from './definitions.ts'

export default defineConfig({ definitions: [renamed] })
