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
	"when_stuck" text,
	"stuck_after_ms" bigint,
	"max_recoveries" integer,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "saga_policy_definition_version_pk" PRIMARY KEY("definition","version"),
	CONSTRAINT "saga_policy_stuck_known" CHECK ("saga_schema"."saga_policy"."when_stuck" in ('report', 'resume', 'compensate')),
	CONSTRAINT "saga_policy_recovers" CHECK (coalesce("saga_schema"."saga_policy"."stuck_after_ms", 1) > 0 and coalesce("saga_schema"."saga_policy"."max_recoveries", 1) > 0),
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
ALTER TABLE "saga_schema"."saga_recovery" ADD CONSTRAINT "saga_recovery_saga_id_saga_id_fk" FOREIGN KEY ("saga_id") REFERENCES "saga_schema"."saga"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "saga_maintenance_duty" ON "saga_schema"."saga_maintenance" USING btree ("duty","id");--> statement-breakpoint
CREATE INDEX "saga_finished" ON "saga_schema"."saga" USING btree ("definition","status","finished_at") WHERE "saga_schema"."saga"."finished_at" is not null;