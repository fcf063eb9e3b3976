-- A register of version 1 with one ticket in it, as that version left it. Frozen: never edit, add the next beside it.
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'capa_sync','0001_tables','2026-11-24 13:40:09.067042+00:00');
CREATE TABLE action (
        source TEXT, ticket_id TEXT, action_id TEXT, action_key TEXT NOT NULL, origin TEXT NOT NULL,
        kind TEXT NOT NULL, text TEXT NOT NULL, owner TEXT NOT NULL, due_at TEXT, done_at TEXT,
        PRIMARY KEY (source, ticket_id, action_id));
CREATE TABLE birth (
        source TEXT, ticket_id TEXT, field TEXT, field_id TEXT, to_value TEXT NOT NULL, changed_at TEXT NOT NULL,
        changed_by TEXT NOT NULL, PRIMARY KEY (source, ticket_id, field, field_id));
CREATE TABLE change (
        id INTEGER PRIMARY KEY, nr INTEGER NOT NULL, entry TEXT NOT NULL, group_no INTEGER NOT NULL,
        changed_at TEXT NOT NULL, field_id TEXT NOT NULL, field TEXT NOT NULL, changed_by TEXT NOT NULL,
        origin TEXT NOT NULL, from_value TEXT NOT NULL, to_value TEXT NOT NULL);
INSERT INTO "change" VALUES(1,1,'1-1',1,'2026-03-02T09:01:00.000000Z','status','Status','bob','history','Open','Closed');
INSERT INTO "change" VALUES(2,1,'observed-2026-03-02T09:01:00+00:00',2,'2026-03-02T09:01:00.000000Z','owner','owner','','observed','ann','ben');
CREATE TABLE child (
        id INTEGER PRIMARY KEY, nr INTEGER NOT NULL, child_id TEXT NOT NULL, child_key TEXT NOT NULL,
        relation TEXT NOT NULL, link_type TEXT NOT NULL);
CREATE TABLE cursor (source TEXT PRIMARY KEY, state TEXT NOT NULL, watermark TEXT);
INSERT INTO "cursor" VALUES('paper','{"position":"2"}','2026-03-02T09:00:00.000000Z');
CREATE TABLE deletion (
        source TEXT, ticket_id TEXT, remote_id TEXT, deleted_at TEXT NOT NULL,
        PRIMARY KEY (source, ticket_id, remote_id));
CREATE TABLE due (source TEXT, ticket_id TEXT, due_at TEXT NOT NULL, PRIMARY KEY (source, ticket_id));
INSERT INTO "due" VALUES('paper','1','2026-03-03T09:00:00.000000Z');
CREATE TABLE finding (
        source TEXT, ticket_id TEXT, rule TEXT, episode INTEGER, number INTEGER NOT NULL, clause TEXT NOT NULL,
        severity TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL, title TEXT NOT NULL, message TEXT NOT NULL,
        fix TEXT NOT NULL, args TEXT NOT NULL, opened_at TEXT NOT NULL, cleared_at TEXT, hidden_by TEXT NOT NULL,
        waived_until TEXT, waived_by TEXT NOT NULL, waived_reason TEXT NOT NULL, rule_set TEXT NOT NULL,
        inputs TEXT NOT NULL, PRIMARY KEY (source, ticket_id, rule, episode));
INSERT INTO "finding" VALUES('paper','1','root-cause-before-action',1,10,'10.2 b','high','open','warn','Cause first','The cause is missing','Fill it','["a","b"]','2026-03-02T09:00:00.000000Z',NULL,'',NULL,'','','rules-1','[{"at":"2026-03-02T09:00:00Z","what":"root_cause"}]');
CREATE TABLE hold (source TEXT PRIMARY KEY, not_before TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE joined (
        source TEXT, ticket_id TEXT, other_source TEXT NOT NULL, other_key TEXT NOT NULL,
        PRIMARY KEY (source, ticket_id));
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "meta" VALUES('register_id','0123456789abcdef0123456789abcdef');
INSERT INTO "meta" VALUES('created_at','2026-03-02T09:00:00.000000Z');
INSERT INTO "meta" VALUES('activated_at','2026-03-02T09:00:00.000000Z');
CREATE TABLE milestone (source TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (source, name));
CREATE TABLE mirror (
        nr INTEGER PRIMARY KEY, source TEXT NOT NULL, ticket_id TEXT NOT NULL, role TEXT NOT NULL,
        presence TEXT NOT NULL, presence_proof TEXT NOT NULL, presence_at TEXT NOT NULL,
        first_run INTEGER NOT NULL);
INSERT INTO "mirror" VALUES(1,'paper','1','record','present','','2026-03-02T09:00:00.000000Z',1);
CREATE TABLE observed (
        id INTEGER PRIMARY KEY, nr INTEGER NOT NULL REFERENCES mirror (nr), entry TEXT NOT NULL,
        changed_at TEXT NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL, field_id TEXT NOT NULL,
        field_name TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL, changed_by TEXT NOT NULL);
INSERT INTO "observed" VALUES(1,1,'observed-2026-03-02T09:01:00+00:00','2026-03-02T09:01:00.000000Z','2026-03-02T09:00:00.000000Z','2026-03-03T09:00:00.000000Z','owner','owner','{"ids":["ann"],"media_only":false,"names":[],"parent":"","text":"ann"}','{"ids":["ben"],"media_only":false,"names":[],"parent":"","text":"ben"}','');
CREATE TABLE old_key (nr INTEGER, ticket_key TEXT, PRIMARY KEY (nr, ticket_key));
CREATE TABLE parentage (nr INTEGER, parent_id TEXT, PRIMARY KEY (nr, parent_id));
CREATE TABLE part (
        id INTEGER PRIMARY KEY, nr INTEGER NOT NULL REFERENCES mirror (nr), kind TEXT NOT NULL,
        version INTEGER NOT NULL, form TEXT NOT NULL, digest TEXT NOT NULL, run INTEGER NOT NULL,
        read_at TEXT NOT NULL, body BLOB NOT NULL);
INSERT INTO "part" VALUES(1,1,'record',1,'whole','0aa24d741269126721e783c9c49d8f144e2c0b051d7e3f2d6a9a8f8e0dc9e847',1,'2026-03-02T09:00:00.000000Z',X'7B226368696C6472656E223A5B5D2C2263726561746564223A22323032362D30332D30325430393A30303A30302B30303A3030222C226669656C6473223A7B226F776E6572223A22616E6E222C22737461747573223A224F70656E227D2C22686973746F72795F636F6D706C657465223A747275652C226964223A2231222C226B6579223A22434150412D31222C22706172656E74223A22222C2275706461746564223A22323032362D30332D30325430393A30303A30302B30303A3030227D');
INSERT INTO "part" VALUES(2,1,'history',1,'list','4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945',1,'2026-03-02T09:00:00.000000Z',X'5B5D');
INSERT INTO "part" VALUES(3,1,'comments',1,'list','4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945',1,'2026-03-02T09:00:00.000000Z',X'5B5D');
INSERT INTO "part" VALUES(4,1,'record',2,'whole','8eec989fb0718a313154431faa5e9da1019a5c3212b19554c35b0c230848dd1b',2,'2026-03-03T09:00:00.000000Z',X'7B226368696C6472656E223A5B5D2C2263726561746564223A22323032362D30332D30325430393A30303A30302B30303A3030222C226669656C6473223A7B226F776E6572223A2262656E222C22737461747573223A22436C6F736564227D2C22686973746F72795F636F6D706C657465223A747275652C226964223A2231222C226B6579223A22434150412D31222C22706172656E74223A22222C2275706461746564223A22323032362D30332D30325430393A30313A30302B30303A3030227D');
INSERT INTO "part" VALUES(5,1,'history',2,'append','42f980eb0ad1c7c30543a6225ba539a87e206904ed57c16cfe99c36bf64ba8d9',2,'2026-03-03T09:00:00.000000Z',X'5B7B226174223A22323032362D30332D30325430393A30313A30302B30303A3030222C226279223A22626F62222C226964223A22312D31222C226974656D73223A5B7B226669656C64223A22737461747573222C226E6577223A22436C6F736564222C226F6C64223A224F70656E227D5D7D5D');
CREATE TABLE pin (source TEXT, field TEXT, tracker_field TEXT NOT NULL, PRIMARY KEY (source, field));
CREATE TABLE plan_due (source TEXT, ticket_id TEXT, due_at TEXT NOT NULL, PRIMARY KEY (source, ticket_id));
CREATE TABLE quarantine (
        source TEXT, ticket_id TEXT, ticket_key TEXT NOT NULL, reasons TEXT NOT NULL,
        PRIMARY KEY (source, ticket_id));
CREATE TABLE register_number (
        source TEXT, ticket_id TEXT, year INTEGER NOT NULL, serial INTEGER NOT NULL,
        PRIMARY KEY (source, ticket_id), UNIQUE (year, serial));
INSERT INTO "register_number" VALUES('paper','1',2026,1);
CREATE TABLE register_row (source TEXT, ticket_id TEXT, ticket_key TEXT, ticket_url TEXT, track TEXT, title TEXT, grade TEXT, origin TEXT, origin_ref TEXT, requirement TEXT, occurred_at TEXT, detected_at TEXT, location TEXT, raised_by TEXT, owner TEXT, claimed_stage TEXT, evidenced_stage TEXT, source_status TEXT, correction TEXT, corrected_at TEXT, consequences TEXT, rca_method TEXT, root_cause TEXT, cause_category TEXT, extent TEXT, similar TEXT, actions_done INTEGER, actions_total INTEGER, action_text TEXT, due_at TEXT, replans INTEGER, implemented_at TEXT, communicated TEXT, effectiveness_criterion TEXT, effectiveness_due TEXT, effectiveness_result TEXT, reviewed_by TEXT, reviewed_at TEXT, isms_change TEXT, risk_update TEXT, closed_at TEXT, closed_by TEXT, reopens INTEGER, warnings_high INTEGER, warnings_medium INTEGER, warnings_low INTEGER, rules TEXT, waived TEXT, cannot_tell TEXT, management_review TEXT, changed_at TEXT, row_hash TEXT, confidential TEXT, open_from TEXT, open_until TEXT, late_from TEXT, late_until TEXT, PRIMARY KEY (source, ticket_id));
INSERT INTO "register_row" VALUES('paper','1','CAPA-1',NULL,NULL,'Old title',NULL,NULL,NULL,NULL,NULL,'2026-03-02T09:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'d6401971eaa14d60e89772087a91b2750373d915d4a1479676a2f4a816b35c1d',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE release (
        id INTEGER PRIMARY KEY, source TEXT NOT NULL, allowed INTEGER, used INTEGER NOT NULL,
        released_at TEXT NOT NULL, closed_at TEXT);
INSERT INTO "release" VALUES(1,'jira',NULL,0,'2026-03-02T09:00:00.000000Z',NULL);
CREATE TABLE request (
        id INTEGER PRIMARY KEY, verb TEXT NOT NULL, args TEXT NOT NULL, asked_at TEXT NOT NULL, done_at TEXT,
        answer TEXT NOT NULL DEFAULT '');
CREATE TABLE run (
        id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, kind TEXT NOT NULL, started_at TEXT NOT NULL,
        finished_at TEXT, ok INTEGER NOT NULL DEFAULT 0, problem TEXT NOT NULL DEFAULT '',
        counts TEXT NOT NULL DEFAULT '{}', as_of TEXT, stored INTEGER NOT NULL DEFAULT 0);
INSERT INTO "run" VALUES(1,'paper','changes','2026-03-02T09:00:00.000000Z','2026-03-02T09:00:00.000000Z',1,'','{}','2026-03-02T09:00:00.000000Z',3);
INSERT INTO "run" VALUES(2,'paper','changes','2026-03-03T09:00:00.000000Z','2026-03-03T09:00:00.000000Z',1,'','{}','2026-03-03T09:00:00.000000Z',2);
CREATE TABLE safety_stop (source TEXT PRIMARY KEY, cause TEXT NOT NULL, stopped_at TEXT NOT NULL);
CREATE TABLE site (source TEXT PRIMARY KEY, facts TEXT NOT NULL, changed_at TEXT NOT NULL);
CREATE TABLE source (source TEXT PRIMARY KEY, kind TEXT NOT NULL, url TEXT NOT NULL);
INSERT INTO "source" VALUES('paper','jira','https://paper.example');
CREATE TABLE ticket (
        nr INTEGER PRIMARY KEY, source TEXT NOT NULL, ticket_id TEXT NOT NULL, ticket_key TEXT NOT NULL,
        url TEXT NOT NULL, kind TEXT NOT NULL, container TEXT NOT NULL, created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL, history_complete INTEGER NOT NULL, history_from TEXT, comments INTEGER NOT NULL,
        changes INTEGER NOT NULL, lost TEXT NOT NULL);
INSERT INTO "ticket" VALUES(1,'paper','1','CAPA-1','https://paper.example/CAPA-1','Nonconformity','CAPA','2026-03-02T09:00:00.000000Z','2026-03-02T09:01:00.000000Z',1,NULL,0,2,'[]');
CREATE TABLE verdict (
        source TEXT, ticket_id TEXT, rule TEXT, outcome TEXT NOT NULL, severity TEXT NOT NULL,
        title TEXT NOT NULL, clause TEXT NOT NULL, mode TEXT NOT NULL, number INTEGER NOT NULL, reason TEXT NOT NULL,
        next_due TEXT, PRIMARY KEY (source, ticket_id, rule));
INSERT INTO "verdict" VALUES('paper','1','root-cause-before-action','breach','high','Cause first','10.2 b','warn',10,'','2026-03-03T09:00:00.000000Z');
CREATE TABLE write_out (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL,
        ticket_id TEXT NOT NULL, ticket_key TEXT NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL,
        created_at TEXT NOT NULL, text TEXT, labels_add TEXT NOT NULL, labels_remove TEXT NOT NULL,
        fields TEXT NOT NULL, points TEXT NOT NULL, notifies INTEGER NOT NULL, marker TEXT NOT NULL,
        state TEXT NOT NULL, attempts INTEGER NOT NULL, error TEXT NOT NULL, remote_id TEXT NOT NULL,
        not_before TEXT, delivered_at TEXT, marked_at TEXT);
INSERT INTO "write_out" VALUES(1,'a','jira','1','CAPA-1','comment','hash-a','2026-03-02T09:00:00.000000Z','{"paragraphs":[{"numbered":true,"spans":[{"bold":true,"href":"","small":false,"text":"Root cause"},{"bold":false,"href":"https://x","small":false,"text":" is missing"}]}]}','["capa-warning"]','[]','{"u_state":"warning"}','{"root-cause-before-action":"high"}',1,'register:1','unknown',0,'','',NULL,NULL,'2026-03-02T09:00:00.000000Z');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE UNIQUE INDEX mirror_ticket ON mirror (source, ticket_id);
CREATE UNIQUE INDEX part_version ON part (nr, kind, version);
CREATE INDEX observed_ticket ON observed (nr);
CREATE INDEX run_source ON run (source, id);
CREATE INDEX write_ticket ON write_out (source, ticket_id, kind);
CREATE INDEX write_open ON write_out (source, seq) WHERE state IN ('pending', 'unknown', 'failed');
CREATE INDEX ticket_key ON ticket (ticket_key);
CREATE INDEX old_key_key ON old_key (ticket_key);
CREATE INDEX parentage_parent ON parentage (parent_id);
CREATE INDEX child_parent ON child (nr);
CREATE INDEX child_id ON child (child_id);
CREATE INDEX child_key ON child (child_key);
CREATE INDEX change_ticket ON change (nr);
CREATE INDEX due_at ON due (due_at);
CREATE INDEX joined_other ON joined (other_source, other_key);
CREATE VIEW v_tickets as select ticket_id, 'of version 1' as presence from mirror;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('run',2);
INSERT INTO "sqlite_sequence" VALUES('write_out',1);
COMMIT;
