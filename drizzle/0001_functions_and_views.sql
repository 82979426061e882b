-- The one clock: database time, plus an offset that only tests set. It moves within a transaction.
CREATE FUNCTION "saga_schema".now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT date_trunc('milliseconds', clock_timestamp()) + coalesce((SELECT sum(offset_ms) FROM "saga_schema"."saga_clock") * interval '1 millisecond', interval '0')
$$;--> statement-breakpoint
-- Stable views for SQL users: columns are only ever added.
CREATE VIEW "saga_schema"."overview" AS
  SELECT s.id, s.definition, s.version, s.key, s.status, s.waiting, s.paused,
    coalesce((s.state ->> 'draining')::boolean, false) AS draining,
    CASE
      WHEN s.paused THEN 'paused'
      WHEN s.status = 'compensating' AND (s.state ->> 'draining')::boolean THEN 'draining'
      WHEN s.status IN ('running', 'compensating') AND s.waiting IS NOT NULL THEN 'waiting'
      ELSE s.status
    END AS shown_as,
    s.state ->> 'direction' AS direction,
    s.dead_reason, s.failure ->> 'step' AS failed_step, s.failure -> 'error' ->> 'message' AS error_message,
    s.failure -> 'error' ->> 'code' AS error_code,
    s.tags, s.parent_id, s.rerun_of, s.revision, s.start_at, s.deadline_at, s.created_at, s.updated_at, s.finished_at,
    s.error_group, s.priority, s.concurrency_key, s.correction_of
  FROM "saga_schema"."saga" s;--> statement-breakpoint
CREATE VIEW "saga_schema"."step" AS
  SELECT s.id AS saga_id, s.definition, e.key AS step, e.value ->> 'state' AS state,
    (e.value ->> 'order')::int AS "order",
    coalesce((e.value -> 'action' ->> 'attempts')::int, 1) AS attempts,
    coalesce((e.value -> 'compensation' ->> 'attempts')::int, 0) AS compensation_attempts,
    coalesce((e.value ->> 'maybeApplied')::boolean, false) AS in_doubt,
    e.value -> 'error' ->> 'message' AS error_message, e.value -> 'error' ->> 'code' AS error_code
  FROM "saga_schema"."saga" s CROSS JOIN LATERAL (
    SELECT x.key, x.value FROM json_each(s.state -> 'steps') x
    UNION ALL
    -- Items of maps, which lie there by ranges of their numbers: 0-41,43.
    SELECT m.key || '[' || i || ']', g.value -> 1
    FROM json_each(s.state -> 'items') m CROSS JOIN json_array_elements(m.value) g
      CROSS JOIN unnest(string_to_array(g.value ->> 0, ',')) r
      CROSS JOIN generate_series(split_part(r, '-', 1)::int, coalesce(nullif(split_part(r, '-', 2), ''), split_part(r, '-', 1))::int) i
  ) e;--> statement-breakpoint
CREATE VIEW "saga_schema"."dead_letter" AS
  SELECT s.id, s.definition, s.version, s.key, s.dead_reason AS reason, s.state -> 'deadLetter' ->> 'step' AS step,
    s.state ->> 'direction' AS direction, x.phase,
    coalesce((x.step -> CASE WHEN x.phase = 'compensation' THEN x.phase ELSE 'action' END ->> 'attempts')::int, CASE WHEN x.phase = 'compensation' OR x.step IS NULL THEN 0 ELSE 1 END) AS attempts,
    x.error ->> 'message' AS error_message, x.error ->> 'code' AS error_code,
    s.failure ->> 'step' AS failed_step, s.failure -> 'error' ->> 'message' AS failure_message,
    s.failure -> 'error' ->> 'code' AS failure_code, s.created_at, s.updated_at AS dead_since,
    s.error_group
  FROM "saga_schema"."saga" s
    CROSS JOIN LATERAL (SELECT s.state -> 'deadLetter' ->> 'step' AS name) w
    CROSS JOIN LATERAL (
      SELECT coalesce(s.state -> 'steps' -> w.name, (
        SELECT g.value -> 1
        FROM json_array_elements(s.state -> 'items' -> split_part(w.name, '[', 1)) g
          CROSS JOIN unnest(string_to_array(g.value ->> 0, ',')) r
        WHERE split_part(rtrim(w.name, ']'), '[', 2)::int BETWEEN split_part(r, '-', 1)::int
          AND coalesce(nullif(split_part(r, '-', 2), ''), split_part(r, '-', 1))::int)) AS step) d
    CROSS JOIN LATERAL (
      SELECT d.step, coalesce(d.step -> 'error', s.failure -> 'error') AS error,
        CASE WHEN s.dead_reason = 'compensation_exhausted'
            OR (s.dead_reason = 'no_code' AND d.step -> 'compensation' ->> 'withheld' = 'code') THEN 'compensation'
          WHEN starts_with(s.state -> 'deadLetter' ->> 'step', '@') THEN 'hook' ELSE 'action' END AS phase) x
  WHERE s.status = 'dead_lettered';--> statement-breakpoint
-- Live, and nothing of it has changed for an hour. Waits, holds and pauses are reasons, not trouble.
CREATE VIEW "saga_schema"."stuck" AS
  SELECT s.id, s.definition, s.version, s.key, s.status, s.updated_at, "saga_schema".now() - s.updated_at AS stuck_for
  FROM "saga_schema"."saga" s
  WHERE s.status IN ('running', 'compensating') AND s.waiting IS NULL AND NOT s.paused
    AND s.updated_at < "saga_schema".now() - interval '1 hour';--> statement-breakpoint
-- A claim lives for seconds: compressing it is not worth the time.
ALTER TABLE "saga_schema"."saga_claim" ALTER COLUMN "jobs" SET STORAGE EXTERNAL;--> statement-breakpoint
ALTER TABLE "saga_schema"."saga" SET (fillfactor = 80);--> statement-breakpoint
ALTER TABLE "saga_schema"."saga_worker" SET (fillfactor = 50);
