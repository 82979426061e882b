import { defineConfig } from '../../../src/cli/index.ts'
import { declared } from './definitions.ts'

export default defineConfig({ definitions: [declared] })
