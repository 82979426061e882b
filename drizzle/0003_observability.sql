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
ALTER TABLE "saga_schema"."saga" ADD COLUMN "traceparent" text;--> statement-breakpoint
ALTER TABLE "saga_schema"."saga" ADD COLUMN "tracestate" text;--> statement-breakpoint
CREATE INDEX "saga_event_dead" ON "saga_schema"."saga_event" USING btree ("xid") WHERE "saga_schema"."saga_event"."type" = 'saga_dead_lettered';