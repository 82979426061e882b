-- What SQL users call. Each function puts a command into the inbox, in the caller's transaction; a worker does it. They run with
-- the rights of whoever migrated, under a pinned search_path, and nobody may execute them whom nobody has granted it.
CREATE FUNCTION "saga_schema".new_id() RETURNS uuid LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  -- A UUIDv7: the milliseconds in front of a random one, whose version is 4 before and 7 afterwards.
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;--> statement-breakpoint
-- What does not fit a JSON Schema, as far as SQL looks: what it does not know, it leaves to the worker. It says nothing of values.
CREATE FUNCTION "saga_schema".input_problems(shape jsonb, given jsonb, place text DEFAULT '', depth int DEFAULT 0)
RETURNS TABLE (path text, message text) LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind text := jsonb_typeof(given);
  prefix text := CASE WHEN place = '' THEN '' ELSE place || '.' END;
  scalar text;
  wanted text;
BEGIN
  IF shape = 'false'::jsonb THEN
    RETURN QUERY SELECT place, 'is not allowed';
  END IF;
  IF jsonb_typeof(shape) IS DISTINCT FROM 'object' OR depth > 60 THEN
    RETURN;
  END IF;
  IF shape ? 'type' THEN
    SELECT string_agg(t.name, ' or ') INTO wanted
    FROM jsonb_array_elements_text(CASE jsonb_typeof(shape -> 'type') WHEN 'array' THEN shape -> 'type' ELSE jsonb_build_array(shape -> 'type') END) t(name)
    HAVING NOT coalesce(bool_or(CASE t.name WHEN 'integer' THEN CASE kind WHEN 'number' THEN given::numeric % 1 = 0 ELSE false END
      ELSE t.name = kind OR t.name NOT IN ('object', 'array', 'string', 'number', 'boolean', 'null') END), true);
    IF wanted IS NOT NULL THEN
      RETURN QUERY SELECT place, 'must be ' || wanted || ', not ' || kind;
      RETURN;
    END IF;
  END IF;
  IF jsonb_typeof(shape -> 'enum') = 'array' AND NOT EXISTS (SELECT FROM jsonb_array_elements(shape -> 'enum') e(one) WHERE e.one = given) THEN
    RETURN QUERY SELECT place, 'must be one of ' || (shape ->> 'enum');
  END IF;
  IF shape ? 'const' AND shape -> 'const' <> given THEN
    RETURN QUERY SELECT place, 'must be ' || (shape -> 'const')::text;
  END IF;
  IF jsonb_typeof(shape -> 'anyOf') = 'array' AND NOT EXISTS (
    SELECT FROM jsonb_array_elements(shape -> 'anyOf') a(one)
    WHERE NOT EXISTS (SELECT FROM "saga_schema".input_problems(a.one, given, place, depth + 1))) THEN
    RETURN QUERY SELECT place, 'fits none of its alternatives';
  END IF;
  IF jsonb_typeof(shape -> 'oneOf') = 'array' AND NOT EXISTS (
    SELECT FROM jsonb_array_elements(shape -> 'oneOf') a(one)
    WHERE NOT EXISTS (SELECT FROM "saga_schema".input_problems(a.one, given, place, depth + 1))) THEN
    RETURN QUERY SELECT place, 'fits none of its alternatives';
  END IF;
  IF jsonb_typeof(shape -> 'allOf') = 'array' THEN
    RETURN QUERY SELECT p.path, p.message FROM jsonb_array_elements(shape -> 'allOf') a(one)
      CROSS JOIN LATERAL "saga_schema".input_problems(a.one, given, place, depth + 1) p;
  END IF;
  IF kind = 'string' THEN
    scalar := given #>> '{}';
    -- JavaScript counts in UTF-16: never fewer than characters, never more than bytes.
    IF jsonb_typeof(shape -> 'minLength') = 'number' AND octet_length(scalar) < (shape -> 'minLength')::numeric THEN
      RETURN QUERY SELECT place, 'must have at least ' || (shape ->> 'minLength') || ' characters';
    END IF;
    IF jsonb_typeof(shape -> 'maxLength') = 'number' AND char_length(scalar) > (shape -> 'maxLength')::numeric THEN
      RETURN QUERY SELECT place, 'must have at most ' || (shape ->> 'maxLength') || ' characters';
    END IF;
  ELSIF kind = 'number' THEN
    IF jsonb_typeof(shape -> 'minimum') = 'number' AND given::numeric < (shape -> 'minimum')::numeric THEN
      RETURN QUERY SELECT place, 'must be at least ' || (shape ->> 'minimum');
    END IF;
    IF jsonb_typeof(shape -> 'maximum') = 'number' AND given::numeric > (shape -> 'maximum')::numeric THEN
      RETURN QUERY SELECT place, 'must be at most ' || (shape ->> 'maximum');
    END IF;
    IF jsonb_typeof(shape -> 'exclusiveMinimum') = 'number' AND given::numeric <= (shape -> 'exclusiveMinimum')::numeric THEN
      RETURN QUERY SELECT place, 'must be more than ' || (shape ->> 'exclusiveMinimum');
    END IF;
    IF jsonb_typeof(shape -> 'exclusiveMaximum') = 'number' AND given::numeric >= (shape -> 'exclusiveMaximum')::numeric THEN
      RETURN QUERY SELECT place, 'must be less than ' || (shape ->> 'exclusiveMaximum');
    END IF;
  ELSIF kind = 'array' THEN
    IF jsonb_typeof(shape -> 'minItems') = 'number' AND jsonb_array_length(given) < (shape -> 'minItems')::numeric THEN
      RETURN QUERY SELECT place, 'must have at least ' || (shape ->> 'minItems') || ' items';
    END IF;
    IF jsonb_typeof(shape -> 'maxItems') = 'number' AND jsonb_array_length(given) > (shape -> 'maxItems')::numeric THEN
      RETURN QUERY SELECT place, 'must have at most ' || (shape ->> 'maxItems') || ' items';
    END IF;
    RETURN QUERY SELECT p.path, p.message
      FROM jsonb_array_elements(given) WITH ORDINALITY i(one, nr)
        CROSS JOIN LATERAL "saga_schema".input_problems(coalesce(shape -> 'prefixItems' -> (i.nr::int - 1), shape -> 'items', 'true'), i.one,
          prefix || (i.nr - 1), depth + 1) p;
  ELSIF kind = 'object' THEN
    IF jsonb_typeof(shape -> 'required') = 'array' THEN
      RETURN QUERY SELECT prefix || r.name, 'is required' FROM jsonb_array_elements_text(shape -> 'required') r(name) WHERE NOT given ? r.name;
    END IF;
    RETURN QUERY SELECT p.path, p.message
      FROM jsonb_each(given) f(name, one)
        CROSS JOIN LATERAL "saga_schema".input_problems(coalesce(shape -> 'properties' -> f.name,
          CASE WHEN shape ? 'patternProperties' THEN NULL ELSE shape -> 'additionalProperties' END, 'true'), f.one, prefix || f.name, depth + 1) p;
  END IF;
END
$$;--> statement-breakpoint
CREATE FUNCTION "saga_schema".enqueue(definition text, input jsonb, key text DEFAULT NULL, version int DEFAULT NULL,
  start_at timestamptz DEFAULT NULL, tags text[] DEFAULT NULL, priority int DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict error
DECLARE
  id uuid := "saga_schema".new_id();
  moment timestamptz := "saga_schema".now();
  chosen int;
  shape jsonb;
  fields jsonb;
  told text;
BEGIN
  -- The newest version that a live worker has. Where none has any, the newest that was ever registered.
  SELECT b.version, b.schemas -> 'input' INTO chosen, shape
  FROM "saga_schema"."saga_blueprint" b
  WHERE b.definition = enqueue.definition AND (enqueue.version IS NULL OR b.version = enqueue.version)
  ORDER BY EXISTS (
      SELECT FROM "saga_schema"."saga_worker" w
      WHERE w.taken_over_at IS NULL AND w.heartbeat_at > moment - interval '30 seconds' AND b.definition || '@' || b.version = ANY (w.definitions)) DESC,
    b.version DESC, b.created_at DESC
  LIMIT 1;
  IF chosen IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'undefined_object',
      MESSAGE = 'DEFINITION_UNKNOWN: No process has registered ' || coalesce(quote_literal(left(enqueue.definition, 100)), 'a definition without a name')
        || coalesce(' version ' || enqueue.version, '') || ', and nothing was started.',
      HINT = coalesce('Known are: ' || (SELECT string_agg(k.name, ', ') FROM (
        SELECT DISTINCT b.definition || '@' || b.version AS name FROM "saga_schema"."saga_blueprint" b ORDER BY name LIMIT 50) k) || '.',
        'Start a worker that has it: that registers it.');
  END IF;
  IF enqueue.input IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
      MESSAGE = 'INPUT_INVALID: The input of ' || enqueue.definition || ' is NULL, and nothing was started.',
      HINT = 'JSON''s own null is ''null''::jsonb.';
  END IF;
  SELECT jsonb_agg(jsonb_build_object('path', p.path, 'message', p.message)),
    string_agg(CASE p.path WHEN '' THEN '(whole)' ELSE p.path END || ': ' || p.message, '; ')
  INTO fields, told
  FROM (SELECT q.path, q.message FROM "saga_schema".input_problems(shape, enqueue.input) q LIMIT 20) p;
  IF fields IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'INPUT_INVALID: The input does not fit ' || enqueue.definition || ' version ' || chosen || ', and nothing was started. ' || told,
      DETAIL = fields::text;
  END IF;
  IF char_length(enqueue.key) NOT BETWEEN 1 AND 500 OR enqueue.priority NOT BETWEEN -1000 AND 1000 OR cardinality(enqueue.tags) > 20
    OR EXISTS (SELECT FROM unnest(enqueue.tags) t(tag) WHERE t.tag IS NULL OR char_length(t.tag) NOT BETWEEN 1 AND 100)
    OR NOT coalesce(enqueue.start_at >= '1970-01-01' AND enqueue.start_at < '9999-01-01', true) THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'NAME_INVALID: A key, a tag, a priority or a moment of ' || enqueue.definition || ' cannot be, and nothing was started.',
      HINT = 'A key has 1 to 500 characters, a tag 1 to 100, and there are at most 20 of them. A priority is from -1000 to 1000, start_at from 1970 to 9998.';
  END IF;
  INSERT INTO "saga_schema"."saga_command" (id, verb, saga_id, definition, version, input, key, start_at, priority, tags, options, actor,
    request_id, requested_at, state, try_at)
  VALUES (id, 'enqueue', id, enqueue.definition, chosen, enqueue.input, enqueue.key, enqueue.start_at, enqueue.priority,
    nullif(enqueue.tags, '{}'), '{}', 'sql:' || session_user, id::text, moment, 'waiting', moment);
  RETURN id;
END
$$;--> statement-breakpoint
-- What all orders about one saga have in common.
CREATE FUNCTION "saga_schema".order_saga(verb text, saga_id uuid, reason text, request_id text, options jsonb)
RETURNS uuid LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict error
DECLARE
  id uuid := "saga_schema".new_id();
  moment timestamptz := "saga_schema".now();
BEGIN
  IF coalesce(btrim(order_saga.reason), '') = '' OR char_length(order_saga.reason) > 1000 OR btrim(order_saga.request_id) = '' OR char_length(order_saga.request_id) > 1000 THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'ACT_INVALID: Nobody may ' || order_saga.verb || ' a saga without a reason of 1 to 1000 characters; so many may a request id have. Nothing was ordered.',
      HINT = 'The reason is kept in the saga''s journal, with the name that you have logged in with.';
  END IF;
  IF starts_with(order_saga.request_id, 'pg-saga:') THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'ACT_INVALID: Request ids that begin with "pg-saga:" are the engine''s own. Nothing was ordered.',
      HINT = 'Give another one, or none.';
  END IF;
  -- One statement, and so one snapshot: a start that is being admitted is seen as the one or the other.
  IF NOT EXISTS (
    SELECT 1 FROM "saga_schema"."saga" s WHERE s.id = order_saga.saga_id
    UNION ALL
    SELECT 1 FROM "saga_schema"."saga_command" c WHERE c.saga_id = order_saga.saga_id AND c.state = 'waiting') THEN
    RAISE EXCEPTION USING ERRCODE = 'no_data_found',
      MESSAGE = 'SAGA_NOT_FOUND: There is no saga ' || coalesce(order_saga.saga_id::text, 'without an id') || '. Nothing was ordered.',
      HINT = 'Was its start refused, or its key taken? Its command says so.';
  END IF;
  INSERT INTO "saga_schema"."saga_command" (id, verb, saga_id, options, actor, reason, request_id, requested_at, state, try_at)
  VALUES (id, order_saga.verb, order_saga.saga_id, order_saga.options, 'sql:' || session_user, order_saga.reason,
    coalesce(order_saga.request_id, id::text), moment, 'waiting', moment);
  RETURN id;
END
$$;--> statement-breakpoint
CREATE FUNCTION "saga_schema".retry(saga_id uuid, reason text, request_id text DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT "saga_schema".order_saga('retry', $1, $2, $3, '{}')
$$;--> statement-breakpoint
CREATE FUNCTION "saga_schema".compensate(saga_id uuid, reason text, request_id text DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT "saga_schema".order_saga('compensate', $1, $2, $3, '{}')
$$;--> statement-breakpoint
CREATE FUNCTION "saga_schema".compensate_past_pivot(saga_id uuid, reason text, request_id text DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT "saga_schema".order_saga('compensate', $1, $2, $3, '{"pastPivot": true}')
$$;--> statement-breakpoint
CREATE FUNCTION "saga_schema".cancel(saga_id uuid, reason text, request_id text DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT "saga_schema".order_saga('cancel', $1, $2, $3, '{}')
$$;--> statement-breakpoint
CREATE FUNCTION "saga_schema".pause(saga_id uuid, reason text, request_id text DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT "saga_schema".order_saga('pause', $1, $2, $3, '{}')
$$;--> statement-breakpoint
CREATE FUNCTION "saga_schema".resume(saga_id uuid, reason text, request_id text DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT "saga_schema".order_saga('resume', $1, $2, $3, '{}')
$$;--> statement-breakpoint
-- What all duties of maintenance have in common.
CREATE FUNCTION "saga_schema".order_duty(verb text, option text, span interval) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict error
DECLARE
  id uuid := "saga_schema".new_id();
  moment timestamptz := "saga_schema".now();
BEGIN
  IF order_duty.span <= interval '0' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'OPTION_INVALID: The interval of ' || order_duty.verb || ' is longer than zero. Nothing was ordered.';
  END IF;
  INSERT INTO "saga_schema"."saga_command" (id, verb, options, actor, request_id, requested_at, state, try_at)
  VALUES (id, order_duty.verb,
    CASE WHEN order_duty.span IS NULL THEN '{}' ELSE jsonb_build_object(order_duty.option, ceil(extract(epoch FROM order_duty.span) * 1000)::bigint) END,
    'sql:' || session_user, id::text, moment, 'waiting', moment);
  RETURN id;
END
$$;--> statement-breakpoint
CREATE FUNCTION "saga_schema".recover_stuck(stuck_after interval DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT "saga_schema".order_duty('recover_stuck', 'stuckAfterMs', $1)
$$;--> statement-breakpoint
CREATE FUNCTION "saga_schema".cleanup(keep_for interval DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT "saga_schema".order_duty('cleanup', 'keepMs', $1)
$$;--> statement-breakpoint
REVOKE ALL ON FUNCTION "saga_schema".new_id(), "saga_schema".input_problems(jsonb, jsonb, text, int),
  "saga_schema".enqueue(text, jsonb, text, int, timestamptz, text[], int), "saga_schema".order_saga(text, uuid, text, text, jsonb),
  "saga_schema".retry(uuid, text, text), "saga_schema".compensate(uuid, text, text), "saga_schema".compensate_past_pivot(uuid, text, text),
  "saga_schema".cancel(uuid, text, text), "saga_schema".pause(uuid, text, text), "saga_schema".resume(uuid, text, text),
  "saga_schema".order_duty(text, text, interval), "saga_schema".recover_stuck(interval), "saga_schema".cleanup(interval) FROM PUBLIC;--> statement-breakpoint
-- Stable views for SQL users: columns are only ever added. What becomes of commands, for those who may see all of them.
CREATE VIEW "saga_schema"."command" AS
  SELECT c.id, c.verb, c.saga_id, c.definition, c.version, c.key, c.start_at, c.priority, c.tags, c.options, c.actor, c.reason, c.request_id,
    c.requested_at, c.state, c.tries, c.settled_at, c.result, c.code, c.message, c.fields
  FROM "saga_schema"."saga_command" c;--> statement-breakpoint
-- The same, of those that were given under the name that this session has logged in with. A barrier, so that no condition of the
-- reader's is asked of anybody else's.
CREATE VIEW "saga_schema"."own_command" WITH (security_barrier = true) AS
  SELECT c.id, c.verb, c.saga_id, c.definition, c.version, c.key, c.start_at, c.priority, c.tags, c.options, c.actor, c.reason, c.request_id,
    c.requested_at, c.state, c.tries, c.settled_at, c.result, c.code, c.message, c.fields
  FROM "saga_schema"."saga_command" c
  WHERE c.actor = 'sql:' || session_user;
