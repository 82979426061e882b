/** Erasing what one saga's journal holds of people: the one place that changes events that are written. */
import { ERASED_MESSAGE } from '../core/state.ts'
import { ERASED_PAYLOAD } from '../payload.ts'
import { eraseFromAlerts } from './alerts.ts'
import { type Db, inOneFlight } from './db.ts'

/** Stands where the hash of the input did: whoever knows that could try out inputs. */
const ERASED_HASH = 'erased'

/**
 * Payloads become marks, messages of errors a word. The row has been written by then, as `saga_erased` folds it; of it
 * only what no event says is left to be changed.
 *
 * Transaction: required, with the saga locked and erased. Index: primary keys.
 */
export async function erasePayloads(
  db: Db,
  schema: string,
  id: string,
  options: { readonly tags: boolean },
): Promise<void> {
  await inOneFlight(
    db,
    () =>
      db.executeSql(
        `update ${schema}.saga_event e set
           payload = case when e.payload is null then null else $2::jsonb end,
           data = case when e.data #> '{error,message}' is null then e.data
             else jsonb_set(e.data, '{error,message}', to_jsonb($3::text)) end
         where e.saga_id = $1::uuid and (e.payload is not null or e.data #> '{error,message}' is not null)`,
        [id, ERASED_PAYLOAD, ERASED_MESSAGE],
      ),
    () =>
      db.executeSql(
        `update ${schema}.saga s set input_hash = $2::text, tags = case when $3::boolean then null else s.tags end
         where s.id = $1::uuid`,
        [id, ERASED_HASH, options.tags],
      ),
    () => eraseFromAlerts(db, schema, id),
    () =>
      // Where SQL has started it, the command is called as the saga is.
      db.executeSql(
        `update ${schema}.saga_command c
         set input_hash = case when c.input_hash is null then null else $2::text end,
           tags = case when $3::boolean then null else c.tags end
         where c.id = $1::uuid`,
        [id, ERASED_HASH, options.tags],
      ),
  )
}
