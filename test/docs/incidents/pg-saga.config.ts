import { defineConfig } from '../../../src/cli/index.ts'
import { order, sale, takeBack } from './definitions.ts'

export default defineConfig({ definitions: [order, sale, takeBack] })
