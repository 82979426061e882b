CREATE TABLE "saga_schema"."saga_archive" (
	"id" uuid NOT NULL,
	"definition" text NOT NULL,
	"version" integer NOT NULL,
	"key" text,
	"status" text NOT NULL,
	"tags" text[],
	"created_at" timestamp (3) with time zone NOT NULL,
	"finished_at" timestamp (3) with time zone NOT NULL,
	"archived_at" timestamp (3) with time zone NOT NULL,
	"state" jsonb NOT NULL,
	"journal" jsonb NOT NULL,
	CONSTRAINT "saga_archive_id_finished_at_pk" PRIMARY KEY("id","finished_at")
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_maintenance" (
	"id" uuid PRIMARY KEY NOT NULL,
	"duty" text NOT NULL,
	"by" text NOT NULL,
	"is_dry" boolean NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"outcome" jsonb,
	"error" text,
	CONSTRAINT "saga_maintenance_ends" CHECK (("saga_schema"."saga_maintenance"."finished_at" is not null) = ("saga_schema"."saga_maintenance"."outcome" is not null or "saga_schema"."saga_maintenance"."error" is not null))
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_policy" (
	"definition" text NOT NULL,
	"version" integer NOT NULL,
	"keep_completed_ms" bigint,
	"keep_compensated_ms" bigint,
	"keep_resolved_ms" bigint,
	"archive" boolean NOT NULL,
	"when_stuck" text NOT NULL,
	"stuck_after_ms" bigint NOT NULL,
	"max_recoveries" integer NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "saga_policy_definition_version_pk" PRIMARY KEY("definition","version"),
	CONSTRAINT "saga_policy_stuck_known" CHECK ("saga_schema"."saga_policy"."when_stuck" in ('report', 'resume', 'compensate')),
	CONSTRAINT "saga_policy_recovers" CHECK ("saga_schema"."saga_policy"."stuck_after_ms" > 0 and "saga_schema"."saga_policy"."max_recoveries" > 0),
	CONSTRAINT "saga_policy_keeps" CHECK (coalesce("saga_schema"."saga_policy"."keep_completed_ms", 1) > 0 and coalesce("saga_schema"."saga_policy"."keep_compensated_ms", 1) > 0 and coalesce("saga_schema"."saga_policy"."keep_resolved_ms", 1) > 0)
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_recovery" (
	"saga_id" uuid PRIMARY KEY NOT NULL,
	"revision" integer NOT NULL,
	"recoveries" integer NOT NULL,
	"recovered_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "saga_recovery_counts" CHECK ("saga_schema"."saga_recovery"."recoveries" > 0 and "saga_schema"."saga_recovery"."revision" > 0)
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_statistics" (
	"hour" timestamp (3) with time zone NOT NULL,
	"definition" text NOT NULL,
	"started" integer NOT NULL,
	"completed" integer NOT NULL,
	"compensated" integer NOT NULL,
	"resolved" integer NOT NULL,
	"dead_lettered" integer NOT NULL,
	"mean_ms" double precision,
	"p50_ms" double precision,
	"p95_ms" double precision,
	"p99_ms" double precision,
	CONSTRAINT "saga_statistics_hour_definition_pk" PRIMARY KEY("hour","definition"),
	CONSTRAINT "saga_statistics_hour" CHECK ("saga_schema"."saga_statistics"."hour" = date_trunc('hour', "saga_schema"."saga_statistics"."hour", 'UTC'))
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_statistics_mark" (
	"hour" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_command" (
	"id" uuid PRIMARY KEY NOT NULL,
	"position" bigint GENERATED ALWAYS AS IDENTITY (sequence name "saga_schema"."saga_command_position_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"verb" text NOT NULL,
	"saga_id" uuid,
	"definition" text,
	"version" integer,
	"input" jsonb,
	"input_hash" text,
	"key" text,
	"start_at" timestamp (3) with time zone,
	"priority" integer,
	"tags" text[],
	"options" jsonb NOT NULL,
	"actor" text NOT NULL,
	"reason" text,
	"request_id" text NOT NULL,
	"requested_at" timestamp (3) with time zone NOT NULL,
	"state" text NOT NULL,
	"tries" smallint DEFAULT 0 NOT NULL,
	"try_at" timestamp (3) with time zone NOT NULL,
	"settled_at" timestamp (3) with time zone,
	"result" jsonb,
	"code" text,
	"message" text,
	"fields" jsonb,
	CONSTRAINT "saga_command_verb_known" CHECK ("saga_schema"."saga_command"."verb" in ('enqueue', 'retry', 'compensate', 'cancel', 'pause', 'resume', 'recover_stuck', 'cleanup')),
	CONSTRAINT "saga_command_state_known" CHECK ("saga_schema"."saga_command"."state" in ('waiting', 'accepted', 'refused')),
	CONSTRAINT "saga_command_of_saga" CHECK (("saga_schema"."saga_command"."saga_id" is not null) = ("saga_schema"."saga_command"."verb" in ('retry', 'compensate', 'cancel', 'pause', 'resume', 'enqueue'))),
	CONSTRAINT "saga_command_reason" CHECK ("saga_schema"."saga_command"."verb" not in ('retry', 'compensate', 'cancel', 'pause', 'resume') or "saga_schema"."saga_command"."reason" is not null),
	CONSTRAINT "saga_command_start" CHECK (("saga_schema"."saga_command"."verb" = 'enqueue') = ("saga_schema"."saga_command"."definition" is not null and "saga_schema"."saga_command"."version" is not null and "saga_schema"."saga_command"."id" = coalesce("saga_schema"."saga_command"."saga_id", "saga_schema"."saga_command"."id"))),
	CONSTRAINT "saga_command_input_waits" CHECK (("saga_schema"."saga_command"."input" is not null) = ("saga_schema"."saga_command"."verb" = 'enqueue' and "saga_schema"."saga_command"."state" = 'waiting')),
	CONSTRAINT "saga_command_settles" CHECK (("saga_schema"."saga_command"."state" = 'waiting') = ("saga_schema"."saga_command"."settled_at" is null)),
	CONSTRAINT "saga_command_result" CHECK ("saga_schema"."saga_command"."result" is null or "saga_schema"."saga_command"."state" = 'accepted'),
	CONSTRAINT "saga_command_refusal" CHECK (case "saga_schema"."saga_command"."state" when 'refused' then "saga_schema"."saga_command"."code" is not null and "saga_schema"."saga_command"."message" is not null when 'accepted' then "saga_schema"."saga_command"."code" is null and "saga_schema"."saga_command"."message" is null else true end),
	CONSTRAINT "saga_command_fields" CHECK ("saga_schema"."saga_command"."fields" is null or "saga_schema"."saga_command"."state" = 'refused')
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_alert" (
	"channel" text NOT NULL,
	"error_group" text NOT NULL,
	"definition" text NOT NULL,
	"step" text,
	"reason" text NOT NULL,
	"count" integer NOT NULL,
	"first_at" timestamp (3) with time zone,
	"last_at" timestamp (3) with time zone,
	"sagas" uuid[] NOT NULL,
	"alert" json,
	"attempts" integer DEFAULT 0 NOT NULL,
	"last_error" text,
	"told_at" timestamp (3) with time zone,
	"due_at" timestamp (3) with time zone,
	CONSTRAINT "saga_alert_channel_error_group_pk" PRIMARY KEY("channel","error_group"),
	CONSTRAINT "saga_alert_channel_known" CHECK ("saga_schema"."saga_alert"."channel" in ('callback', 'webhook')),
	CONSTRAINT "saga_alert_reason_known" CHECK ("saga_schema"."saga_alert"."reason" in ('forward_exhausted', 'past_pivot', 'pivot_in_doubt', 'compensation_exhausted', 'late_effect', 'hook', 'no_code')),
	CONSTRAINT "saga_alert_counts" CHECK ("saga_schema"."saga_alert"."count" >= 0 and "saga_schema"."saga_alert"."attempts" >= 0),
	CONSTRAINT "saga_alert_since" CHECK (("saga_schema"."saga_alert"."count" > 0) = ("saga_schema"."saga_alert"."first_at" is not null and "saga_schema"."saga_alert"."last_at" is not null)),
	CONSTRAINT "saga_alert_due" CHECK (("saga_schema"."saga_alert"."due_at" is not null) = ("saga_schema"."saga_alert"."alert" is not null or "saga_schema"."saga_alert"."count" > 0))
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_alert_mark" (
	"channel" text PRIMARY KEY NOT NULL,
	"seen" "pg_snapshot" NOT NULL,
	CONSTRAINT "saga_alert_mark_channel_known" CHECK ("saga_schema"."saga_alert_mark"."channel" in ('callback', 'webhook'))
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_audit" (
	"at" timestamp (3) with time zone NOT NULL,
	"id" uuid NOT NULL,
	"sequence" integer DEFAULT 0 NOT NULL,
	"action" text NOT NULL,
	"actor" text NOT NULL,
	"reason" text,
	"request_id" text,
	"definition" text,
	"saga_id" uuid,
	"error_group" text,
	"about" jsonb NOT NULL,
	"times" bigint,
	"denied_key" text,
	CONSTRAINT "saga_audit_at_id_sequence_pk" PRIMARY KEY("at","id","sequence"),
	CONSTRAINT "saga_audit_denied" CHECK (("saga_schema"."saga_audit"."times" is null) = ("saga_schema"."saga_audit"."denied_key" is null) and "saga_schema"."saga_audit"."times" > 0),
	CONSTRAINT "saga_audit_sequence" CHECK ("saga_schema"."saga_audit"."sequence" >= 0)
);
--> statement-breakpoint
CREATE TABLE "saga_schema"."saga_triage" (
	"error_group" text PRIMARY KEY NOT NULL,
	"definition" text NOT NULL,
	"step" text,
	"direction" text NOT NULL,
	"reason" text NOT NULL,
	"state" text NOT NULL,
	"version" integer,
	"until_at" timestamp (3) with time zone,
	"until_more" integer,
	"by" text,
	"why" text,
	"at" timestamp (3) with time zone,
	"note" text,
	"note_by" text,
	"note_at" timestamp (3) with time zone,
	"revision" integer NOT NULL,
	CONSTRAINT "saga_triage_state_known" CHECK ("saga_schema"."saga_triage"."state" in ('open', 'ignored', 'resolved')),
	CONSTRAINT "saga_triage_reason_known" CHECK ("saga_schema"."saga_triage"."reason" in ('forward_exhausted', 'past_pivot', 'pivot_in_doubt', 'compensation_exhausted', 'late_effect', 'hook', 'no_code')),
	CONSTRAINT "saga_triage_direction_known" CHECK ("saga_schema"."saga_triage"."direction" in ('forward', 'backward')),
	CONSTRAINT "saga_triage_version" CHECK ("saga_schema"."saga_triage"."version" is null or ("saga_schema"."saga_triage"."state" = 'resolved' and "saga_schema"."saga_triage"."version" >= 1)),
	CONSTRAINT "saga_triage_until" CHECK (("saga_schema"."saga_triage"."until_at" is null and "saga_schema"."saga_triage"."until_more" is null) or ("saga_schema"."saga_triage"."state" = 'ignored' and coalesce("saga_schema"."saga_triage"."until_more", 1) >= 1)),
	CONSTRAINT "saga_triage_note" CHECK (("saga_schema"."saga_triage"."note" is null) = ("saga_schema"."saga_triage"."note_by" is null) and ("saga_schema"."saga_triage"."note" is null) = ("saga_schema"."saga_triage"."note_at" is null)),
	CONSTRAINT "saga_triage_said" CHECK (("saga_schema"."saga_triage"."by" is null) = ("saga_schema"."saga_triage"."at" is null) and ("saga_schema"."saga_triage"."why" is null) = ("saga_schema"."saga_triage"."at" is null) and ("saga_schema"."saga_triage"."state" = 'open' or "saga_schema"."saga_triage"."at" is not null)),
	CONSTRAINT "saga_triage_revision" CHECK ("saga_schema"."saga_triage"."revision" >= 1)
);
--> statement-breakpoint
ALTER TABLE "saga_schema"."saga" ADD COLUMN "traceparent" text;--> statement-breakpoint
ALTER TABLE "saga_schema"."saga" ADD COLUMN "tracestate" text;--> statement-breakpoint
ALTER TABLE "saga_schema"."saga_event" ADD COLUMN "ran_ms" integer;--> statement-breakpoint
ALTER TABLE "saga_schema"."saga_recovery" ADD CONSTRAINT "saga_recovery_saga_id_saga_id_fk" FOREIGN KEY ("saga_id") REFERENCES "saga_schema"."saga"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "saga_maintenance_duty" ON "saga_schema"."saga_maintenance" USING btree ("duty","id");--> statement-breakpoint
CREATE INDEX "saga_command_orders" ON "saga_schema"."saga_command" USING btree ("position") WHERE "saga_schema"."saga_command"."state" = 'waiting' and "saga_schema"."saga_command"."verb" <> 'enqueue';--> statement-breakpoint
CREATE INDEX "saga_command_waiting" ON "saga_schema"."saga_command" USING btree ("definition","version","position") WHERE "saga_schema"."saga_command"."state" = 'waiting' and "saga_schema"."saga_command"."verb" = 'enqueue';--> statement-breakpoint
CREATE INDEX "saga_command_saga" ON "saga_schema"."saga_command" USING btree ("saga_id","position") WHERE "saga_schema"."saga_command"."state" = 'waiting';--> statement-breakpoint
CREATE INDEX "saga_command_settled" ON "saga_schema"."saga_command" USING btree ("settled_at") WHERE "saga_schema"."saga_command"."settled_at" is not null;--> statement-breakpoint
CREATE INDEX "saga_alert_waiting" ON "saga_schema"."saga_alert" USING btree ("channel","due_at") WHERE "saga_schema"."saga_alert"."due_at" is not null;--> statement-breakpoint
CREATE INDEX "saga_audit_actor" ON "saga_schema"."saga_audit" USING btree ("actor","at","id","sequence");--> statement-breakpoint
CREATE INDEX "saga_audit_saga" ON "saga_schema"."saga_audit" USING btree ("saga_id","at") WHERE "saga_schema"."saga_audit"."saga_id" is not null;--> statement-breakpoint
CREATE INDEX "saga_audit_group" ON "saga_schema"."saga_audit" USING btree ("error_group","at") WHERE "saga_schema"."saga_audit"."error_group" is not null;--> statement-breakpoint
CREATE INDEX "saga_audit_denied" ON "saga_schema"."saga_audit" USING btree ("at","id","sequence") WHERE "saga_schema"."saga_audit"."times" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "saga_audit_denied_key" ON "saga_schema"."saga_audit" USING btree ("denied_key") WHERE "saga_schema"."saga_audit"."denied_key" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "saga_audit_request" ON "saga_schema"."saga_audit" USING btree ("request_id") WHERE "saga_schema"."saga_audit"."error_group" is not null and "saga_schema"."saga_audit"."request_id" is not null;--> statement-breakpoint
CREATE INDEX "saga_triage_state" ON "saga_schema"."saga_triage" USING btree ("state","at");--> statement-breakpoint
CREATE INDEX "saga_definition" ON "saga_schema"."saga" USING btree ("definition","id");--> statement-breakpoint
CREATE INDEX "saga_finished" ON "saga_schema"."saga" USING btree ("definition","status","finished_at") WHERE "saga_schema"."saga"."finished_at" is not null;--> statement-breakpoint
CREATE INDEX "saga_event_dead" ON "saga_schema"."saga_event" USING btree ("xid") WHERE "saga_schema"."saga_event"."type" = 'saga_dead_lettered';--> statement-breakpoint
CREATE INDEX "saga_event_act" ON "saga_schema"."saga_event" USING btree ("at","saga_id","sequence") WHERE not starts_with(request_id, 'pg-saga:');--> statement-breakpoint
CREATE INDEX "saga_event_actor" ON "saga_schema"."saga_event" USING btree (("data" #>> '{act,actor}'),"at","saga_id","sequence") WHERE not starts_with(request_id, 'pg-saga:');--> statement-breakpoint
DROP INDEX "saga_schema"."saga_key";--> statement-breakpoint
CREATE UNIQUE INDEX "saga_key" ON "saga_schema"."saga" USING btree ("definition","key" text_pattern_ops) WHERE "saga_schema"."saga"."key" is not null;