import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: [
    './src/engine/store/schema.ts',
    './src/engine/store/operation-tables.ts',
    './src/engine/store/maintenance-tables.ts',
    './src/engine/store/command-tables.ts',
    './src/engine/store/alert-tables.ts',
    './src/engine/store/audit-tables.ts',
  ],
  out: './drizzle',
  schemaFilter: ['saga_schema'],
})
