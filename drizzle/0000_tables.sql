CREATE TABLE "saga_schema"."saga" (
	"id" uuid PRIMARY KEY NOT NULL,
	"definition" text NOT NULL,
	"version" integer NOT NULL,
	"blueprint" text,
	"key" text,
	"input_hash" text NOT NULL,
	"status" text NOT NULL,
	"waiting" text,
	"paused" boolean DEFAULT false NOT NULL,
	"priority" integer DEFAULT 0 NOT NULL,
	"revision" integer NOT NULL,
	"format" smallint NOT NULL,
	"state" json NOT NULL,
	"failure" json,
	"dead_reason" text,
	"error_group" text,
	"tags" text[],
	"parent_id" uuid,
	"parent_step" text,
	"rerun_of" uuid,
	"concurrency_key" text,
	"correction_of" uuid,
	"start_at" timestamp (3) with time zone,
	"deadline_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"finished_at" timestamp (3) with time zone,
	CONSTRAINT "saga_status_known" CHECK ("saga_schema"."saga"."status" in ('pending', 'running', 'compensating', 'completed', 'compensated', 'dead_lettered', 'resolved')),
	CONSTRAINT "saga_waiting_known" CHECK ("saga_schema"."saga"."waiting" in ('start', 'line', 'retry', 'hold', 'code', 'child', 'timer', 'signal')),
	CONSTRAINT "saga_dead_reason_known" CHECK ("saga_schema"."saga"."dead_reason" in ('forward_exhausted', 'past_pivot', 'pivot_in_doubt', 'compensation_exhausted', 'late_effect', 'hook', 'no_code')),
	CONSTRAINT "saga_waits_while_live" CHECK ("saga_schema"."saga"."waiting" is null or "saga_schema"."saga"."status" in ('pending', 'running', 'compensating')),
	CONSTRAINT "saga_paused_while_live" CHECK (not "saga_schema"."saga"."paused" or "saga_schema"."saga"."status" in ('pending', 'running', 'compensating')),
	CONSTRAINT "saga_pending_waits" CHECK (("saga_schema"."saga"."status" = 'pending') = coalesce("saga_schema"."saga"."waiting" in ('start', 'line'), false)),
	CONSTRAINT "saga_dead_letter_reason" CHECK (("saga_schema"."saga"."status" = 'dead_lettered') = ("saga_schema"."saga"."dead_reason" is not null)),
	CONSTRAINT "saga_dead_letter_group" CHECK (("saga_schema"."saga"."status" = 'dead_lettered') = ("saga_schema"."saga"."error_group" is not null)),
	CONSTRAINT "saga_finished_at" CHECK (("saga_schema"."saga"."status" in ('completed', 'compensated', 'resolved')) = ("saga_schema"."saga"."finished_at" is not null)),
	CONSTRAINT "saga_state_agrees" CHECK ("saga_schema"."saga"."state" ->> 'status' = "saga_schema"."saga"."status"),
	CONSTRAINT "saga_format" CHECK ("saga_schema"."saga"."format" >= 1 and "saga_schema"."saga"."revision" >= 1),
	CONSTRAINT "saga_version" CHECK ("saga_schema"."saga"."version" >= 1),
	CONSTRAINT "saga_names" CHECK ("saga_schema"."saga"."definition" ~ '^[a-z][a-z0-9-]*$')
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_blueprint" (
	"hash" text PRIMARY KEY NOT NULL,
	"definition" text NOT NULL,
	"version" integer NOT NULL,
	"blueprint" jsonb NOT NULL,
	"schemas" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_breaker" (
	"definition" text NOT NULL,
	"step" text NOT NULL,
	"state" text NOT NULL,
	"failures" integer NOT NULL,
	"hold_id" uuid,
	"opened_at" timestamp (3) with time zone,
	"cooldown_ms" bigint NOT NULL,
	"probe_at" timestamp (3) with time zone,
	"probe_saga" uuid,
	"probe_until" timestamp (3) with time zone,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "saga_breaker_definition_step_pk" PRIMARY KEY("definition","step"),
	CONSTRAINT "saga_breaker_state_known" CHECK ("saga_schema"."saga_breaker"."state" in ('closed', 'open', 'probing')),
	CONSTRAINT "saga_breaker_open" CHECK (("saga_schema"."saga_breaker"."state" = 'closed') = ("saga_schema"."saga_breaker"."probe_at" is null)),
	CONSTRAINT "saga_breaker_probes" CHECK (("saga_schema"."saga_breaker"."state" = 'probing') = ("saga_schema"."saga_breaker"."probe_until" is not null)),
	CONSTRAINT "saga_breaker_counts" CHECK ("saga_schema"."saga_breaker"."failures" >= 0 and "saga_schema"."saga_breaker"."cooldown_ms" > 0)
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_claim" (
	"id" uuid PRIMARY KEY NOT NULL,
	"worker_id" uuid NOT NULL,
	"jobs" json NOT NULL,
	"claimed_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_clock" (
	"offset_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_event" (
	"saga_id" uuid NOT NULL,
	"sequence" integer NOT NULL,
	"type" text NOT NULL,
	"step" text,
	"side" text,
	"attempt" integer,
	"at" timestamp (3) with time zone NOT NULL,
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"format" smallint NOT NULL,
	"data" jsonb,
	"payload" jsonb,
	"worker" text,
	"build" text,
	"request_id" text,
	CONSTRAINT "saga_event_saga_id_sequence_pk" PRIMARY KEY("saga_id","sequence"),
	CONSTRAINT "saga_event_type_known" CHECK ("saga_schema"."saga_event"."type" in ('saga_started', 'line_joined', 'saga_begun', 'blueprint_chosen', 'attempt_scheduled', 'step_withheld', 'attempt_returned', 'attempt_failed', 'attempt_lost', 'late_report', 'late_effect_found', 'step_completed', 'branch_chosen', 'map_started', 'item_collected', 'fallback_taken', 'step_checkpointed', 'hook_completed', 'step_ended', 'step_verified', 'child_started', 'child_undo_asked', 'child_ended', 'step_compensated', 'compensation_gave_up', 'step_skipped', 'step_left_in_doubt', 'saga_turned', 'undo_started', 'turn_recorded', 'turn_dropped', 'saga_stopping', 'saga_completed', 'saga_compensated', 'saga_dead_lettered', 'saga_retried', 'backoff_skipped', 'step_settled_by_hand', 'input_edited', 'saga_paused', 'saga_resumed', 'hold_released', 'code_found', 'saga_resolved', 'saga_rerun', 'saga_erased')),
	CONSTRAINT "saga_event_side_known" CHECK ("saga_schema"."saga_event"."side" in ('action', 'compensation', 'verify')),
	CONSTRAINT "saga_event_sequence" CHECK ("saga_schema"."saga_event"."sequence" >= 1 and "saga_schema"."saga_event"."format" >= 1),
	CONSTRAINT "saga_event_begins" CHECK (("saga_schema"."saga_event"."sequence" = 1) = ("saga_schema"."saga_event"."type" = 'saga_started'))
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_hold" (
	"id" uuid PRIMARY KEY NOT NULL,
	"definition" text NOT NULL,
	"step" text,
	"names" text[],
	"side" text,
	"actor" text NOT NULL,
	"reason" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"released_at" timestamp (3) with time zone,
	"released_by" text,
	"release_reason" text,
	"request_id" text NOT NULL,
	"release_request_id" text,
	"release_rate" double precision,
	"let_go" integer DEFAULT 0 NOT NULL,
	"let_go_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"probe_saga" uuid,
	CONSTRAINT "saga_hold_side_known" CHECK ("saga_schema"."saga_hold"."side" in ('action', 'compensation', 'verify')),
	CONSTRAINT "saga_hold_ended" CHECK ("saga_schema"."saga_hold"."ended_at" is null or "saga_schema"."saga_hold"."released_at" is not null),
	CONSTRAINT "saga_hold_rate" CHECK (("saga_schema"."saga_hold"."release_rate" is null) = ("saga_schema"."saga_hold"."let_go_at" is null) and ("saga_schema"."saga_hold"."release_rate" is null or "saga_schema"."saga_hold"."released_at" is not null))
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_line" (
	"saga_id" uuid PRIMARY KEY NOT NULL,
	"key" text NOT NULL,
	"position" bigserial NOT NULL,
	"front_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_timer" (
	"saga_id" uuid NOT NULL,
	"timer" text NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "saga_timer_saga_id_timer_pk" PRIMARY KEY("saga_id","timer")
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_worker" (
	"id" uuid PRIMARY KEY NOT NULL,
	"epoch" integer NOT NULL,
	"lock_key" integer GENERATED ALWAYS AS IDENTITY (sequence name "saga_schema"."saga_worker_lock_key_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"host" text NOT NULL,
	"pid" integer NOT NULL,
	"build" text,
	"holds_lock" boolean NOT NULL,
	"definitions" text[] NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"heartbeat_at" timestamp (3) with time zone NOT NULL,
	"taken_over_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_operation" (
	"id" uuid PRIMARY KEY NOT NULL,
	"verb" text NOT NULL,
	"options" jsonb NOT NULL,
	"filter" jsonb NOT NULL,
	"actor" text NOT NULL,
	"reason" text NOT NULL,
	"request_id" text NOT NULL,
	"rate" double precision NOT NULL,
	"canary" integer NOT NULL,
	"state" text NOT NULL,
	"total" integer NOT NULL,
	"more" boolean NOT NULL,
	"reached" integer NOT NULL,
	"judged_to" integer NOT NULL,
	"canary_judged" boolean NOT NULL,
	"looked_to" integer NOT NULL,
	"tally" json NOT NULL,
	"log" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"order_at" timestamp (3) with time zone NOT NULL,
	"look_at" timestamp (3) with time zone NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"settled_at" timestamp (3) with time zone,
	CONSTRAINT "saga_operation_verb_known" CHECK ("saga_schema"."saga_operation"."verb" in ('retry', 'compensate', 'cancel', 'pause', 'resume', 'resolve', 'rerun')),
	CONSTRAINT "saga_operation_state_known" CHECK ("saga_schema"."saga_operation"."state" in ('running', 'paused', 'aborted', 'done')),
	CONSTRAINT "saga_operation_finished" CHECK (("saga_schema"."saga_operation"."state" in ('aborted', 'done')) = ("saga_schema"."saga_operation"."finished_at" is not null)),
	CONSTRAINT "saga_operation_settled" CHECK ("saga_schema"."saga_operation"."settled_at" is null or "saga_schema"."saga_operation"."finished_at" is not null)
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_operation_item" (
	"operation_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"saga_id" uuid NOT NULL,
	"state" text NOT NULL,
	"outcome" text,
	"code" text,
	"message" text,
	"new_saga_id" uuid,
	"tries" smallint DEFAULT 0 NOT NULL,
	"ordered_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "saga_operation_item_operation_id_position_pk" PRIMARY KEY("operation_id","position"),
	CONSTRAINT "saga_operation_item_state_known" CHECK ("saga_schema"."saga_operation_item"."state" in ('waiting', 'done', 'refused', 'failed')),
	CONSTRAINT "saga_operation_item_outcome_known" CHECK ("saga_schema"."saga_operation_item"."outcome" in ('completed', 'compensated', 'dead_lettered', 'resolved', 'paused', 'gone')),
	CONSTRAINT "saga_operation_item_outcome" CHECK ("saga_schema"."saga_operation_item"."outcome" is null or "saga_schema"."saga_operation_item"."state" = 'done'),
	CONSTRAINT "saga_operation_item_ended" CHECK (("saga_schema"."saga_operation_item"."ended_at" is not null) = ("saga_schema"."saga_operation_item"."outcome" is not null or "saga_schema"."saga_operation_item"."state" in ('refused', 'failed')))
);
--> statement-breakpoint
ALTER TABLE "saga_schema"."saga_claim" ADD CONSTRAINT "saga_claim_worker_id_saga_worker_id_fk" FOREIGN KEY ("worker_id") REFERENCES "saga_schema"."saga_worker"("id") ON DELETE restrict ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "saga_schema"."saga_line" ADD CONSTRAINT "saga_line_saga_id_saga_id_fk" FOREIGN KEY ("saga_id") REFERENCES "saga_schema"."saga"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "saga_schema"."saga_timer" ADD CONSTRAINT "saga_timer_saga_id_saga_id_fk" FOREIGN KEY ("saga_id") REFERENCES "saga_schema"."saga"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "saga_schema"."saga_operation_item" ADD CONSTRAINT "saga_operation_item_operation_id_saga_operation_id_fk" FOREIGN KEY ("operation_id") REFERENCES "saga_schema"."saga_operation"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "saga_key" ON "saga_schema"."saga" USING btree ("definition","key") WHERE "saga_schema"."saga"."key" is not null;--> statement-breakpoint
CREATE INDEX "saga_open" ON "saga_schema"."saga" USING btree ("status","id") WHERE "saga_schema"."saga"."status" <> 'completed';--> statement-breakpoint
CREATE INDEX "saga_held" ON "saga_schema"."saga" USING btree ("waiting","definition","id") WHERE "saga_schema"."saga"."waiting" in ('hold', 'code');--> statement-breakpoint
CREATE INDEX "saga_error_group" ON "saga_schema"."saga" USING btree ("error_group","id") WHERE "saga_schema"."saga"."error_group" is not null;--> statement-breakpoint
CREATE INDEX "saga_tags" ON "saga_schema"."saga" USING gin ("tags") WHERE "saga_schema"."saga"."tags" is not null;--> statement-breakpoint
CREATE INDEX "saga_correction" ON "saga_schema"."saga" USING btree ("correction_of") WHERE "saga_schema"."saga"."correction_of" is not null;--> statement-breakpoint
CREATE INDEX "saga_parent" ON "saga_schema"."saga" USING btree ("parent_id") WHERE "saga_schema"."saga"."parent_id" is not null;--> statement-breakpoint
CREATE INDEX "saga_blueprint_shapes" ON "saga_schema"."saga_blueprint" USING btree ("definition","version");--> statement-breakpoint
CREATE INDEX "saga_claim_worker" ON "saga_schema"."saga_claim" USING btree ("worker_id");--> statement-breakpoint
CREATE UNIQUE INDEX "saga_event_request" ON "saga_schema"."saga_event" USING btree ("saga_id","request_id") WHERE "saga_schema"."saga_event"."request_id" is not null;--> statement-breakpoint
CREATE INDEX "saga_event_compensated" ON "saga_schema"."saga_event" USING btree (split_part("step", '[', 1),"at") WHERE "saga_schema"."saga_event"."type" = 'step_compensated';--> statement-breakpoint
CREATE UNIQUE INDEX "saga_hold_request" ON "saga_schema"."saga_hold" USING btree ("request_id");--> statement-breakpoint
CREATE INDEX "saga_hold_open" ON "saga_schema"."saga_hold" USING btree ("definition") WHERE "saga_schema"."saga_hold"."ended_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "saga_line_front" ON "saga_schema"."saga_line" USING btree ("key") WHERE "saga_schema"."saga_line"."front_at" is not null;--> statement-breakpoint
CREATE INDEX "saga_line_waiting" ON "saga_schema"."saga_line" USING btree ("key","position") WHERE "saga_schema"."saga_line"."front_at" is null;--> statement-breakpoint
CREATE INDEX "saga_timer_due" ON "saga_schema"."saga_timer" USING btree ("due_at");--> statement-breakpoint
CREATE INDEX "saga_timer_side" ON "saga_schema"."saga_timer" USING btree ("saga_id") WHERE "saga_schema"."saga_timer"."timer" in ('@dead-lettered:action', '@resolved:action');--> statement-breakpoint
CREATE UNIQUE INDEX "saga_operation_request" ON "saga_schema"."saga_operation" USING btree ("request_id");--> statement-breakpoint
CREATE INDEX "saga_operation_open" ON "saga_schema"."saga_operation" USING btree ("look_at") WHERE "saga_schema"."saga_operation"."settled_at" is null;--> statement-breakpoint
CREATE INDEX "saga_operation_item_open" ON "saga_schema"."saga_operation_item" USING btree ("operation_id","state","position") WHERE "saga_schema"."saga_operation_item"."ended_at" is null;