-- A database of schema 2, before the index `jobs_by_user` was given up: scenario `tightening-limit`, two jobs, one change, three calls.
BEGIN TRANSACTION;
CREATE TABLE builds (
	job_id INTEGER NOT NULL,
	place INTEGER NOT NULL,
	product VARCHAR(12) NOT NULL,
	requested_at DOUBLE NOT NULL,
	queued_at DOUBLE NOT NULL,
	started_at DOUBLE NOT NULL,
	running_at DOUBLE NOT NULL,
	ends_at DOUBLE NOT NULL,
	duration_s DOUBLE NOT NULL,
	outcome INTEGER NOT NULL,
	cancelled_at DOUBLE,
	left_at DOUBLE NOT NULL,
	observations INTEGER NOT NULL,
	items TEXT NOT NULL,
	PRIMARY KEY (job_id, place),
	FOREIGN KEY(job_id) REFERENCES jobs (job_id)
);
INSERT INTO "builds" VALUES(1,0,'lc',1772442000.0,1772442005.0,1772442045.0,1772442045.0,1.77244211440664529806e+09,6.94066453644285417121e+01,4,NULL,1.77244211440664529806e+09,3,'[]');
INSERT INTO "builds" VALUES(2,0,'image',1772442060.0,1772442065.0,1772442100.0,1772442100.0,1.77244225026176166534e+09,150.261761565687,4,NULL,1.77244225026176166534e+09,3,'[]');
CREATE TABLE calls (
	operation VARCHAR(64) NOT NULL,
	number INTEGER NOT NULL,
	PRIMARY KEY (operation)
);
CREATE TABLE changes (
	change_id INTEGER NOT NULL,
	at DOUBLE NOT NULL,
	settings TEXT NOT NULL,
	PRIMARY KEY (change_id)
);
INSERT INTO "changes" VALUES(1,1772442120.0,'{"limits.active_jobs": 7}');
CREATE TABLE clock (
	clock_id INTEGER NOT NULL,
	kind VARCHAR(16) NOT NULL,
	factor DOUBLE NOT NULL,
	origin DOUBLE NOT NULL,
	base DOUBLE NOT NULL,
	real_at DOUBLE NOT NULL,
	PRIMARY KEY (clock_id)
);
INSERT INTO "clock" VALUES(1,'virtual',1.0,1772442000.0,1772442120.0,1.79542580373909759525e+09);
CREATE TABLE faults (
	fault_id INTEGER NOT NULL,
	rule TEXT NOT NULL,
	fired INTEGER NOT NULL,
	PRIMARY KEY (fault_id)
);
CREATE TABLE jobs (
	job_id INTEGER NOT NULL,
	user_key VARCHAR(320) NOT NULL,
	user_address VARCHAR(320) NOT NULL,
	name TEXT NOT NULL,
	submitted_at DOUBLE NOT NULL,
	products VARCHAR(64) NOT NULL,
	active_until DOUBLE NOT NULL,
	parameters TEXT NOT NULL,
	PRIMARY KEY (job_id)
);
INSERT INTO "jobs" VALUES(1,'a@b.org','a@b.org','GK Per',1772442000.0,'lc',1.77244211440664529806e+09,'{"UserID": "a@b.org", "RA": "52.8", "Dec": "43.9", "targ": "00030842", "getT0": 0, "cent": 1, "poserr": 1, "sinceT0": 0, "api_name": "xrt_prods", "api_version": "1.12", "name": "GK Per", "lc": 1, "binMeth": "counts", "pccounts": "20", "wtcounts": "30", "dynamic": 1, "whatSXPS": "2SXPS", "useSXPS": 0, "notify": 0, "spec": 0, "image": 0, "sourceDet": 0, "sss": "0", "lcobs": "all", "hrbin": 0, "dopsf": 0, "doenh": 0, "doxastrom": 0, "allxastrom": 0, "do3col": 0, "enh": 0, "outdir": "USERPROD_1", "wtpuprate": 150, "pcpuprate": 0.6, "centMeth": "simple", "maxCentTries": "10", "soft1": "0.3", "soft2": "1.5", "hard1": "1.5", "hard2": "10", "minen": "0.3", "maxen": "10", "grades": "all", "sigmin": "3", "allowUL": "both", "allowB": "both", "bayesCounts": 15, "bayesSNR": 2.4, "lctimetype": "s", "pcbin": "2.51", "wtbin": "0.5", "pchrbin": "2.51", "wthrbin": "0.5", "ratefact": "10", "binfact": "1.5", "mincmin": "15", "minsnr": 1.5, "pcmaxbin": 100000000, "wtmaxbin": 100000000, "pcmaxgap": 100000000, "wtmaxgap": 100000000, "femin": "0", "Tstart": 124048802.40058}');
INSERT INTO "jobs" VALUES(2,'a@b.org','a@b.org','GK Per again',1772442060.0,'image',1.77244225026176166534e+09,'{"UserID": "a@b.org", "RA": "52.8", "Dec": "43.9", "targ": "00030842", "getT0": 0, "cent": 1, "poserr": 1, "sinceT0": 0, "api_name": "xrt_prods", "api_version": "1.12", "name": "GK Per again", "image": 1, "imen": "0.3-10", "whatSXPS": "2SXPS", "useSXPS": 0, "notify": 0, "lc": 0, "spec": 0, "sourceDet": 0, "sss": "0", "lcobs": "all", "hrbin": 0, "dopsf": 0, "doenh": 0, "doxastrom": 0, "allxastrom": 0, "do3col": 0, "enh": 0, "outdir": "USERPROD_2", "wtpuprate": 150, "pcpuprate": 0.6, "centMeth": "simple", "maxCentTries": "10", "imobs": "all", "Tstart": 124048802.40058}');
CREATE TABLE journal (
	seq INTEGER NOT NULL,
	at DOUBLE NOT NULL,
	operation VARCHAR(64) NOT NULL,
	user VARCHAR(320) NOT NULL,
	job_id INTEGER,
	outcome VARCHAR(32) NOT NULL,
	status INTEGER NOT NULL,
	detail TEXT NOT NULL,
	"where" TEXT NOT NULL,
	PRIMARY KEY (seq)
);
INSERT INTO "journal" VALUES(1,1772442000.0,'run_userobject','a@b.org',1,'ok',200,'','');
INSERT INTO "journal" VALUES(2,1772442060.0,'run_userobject','a@b.org',2,'ok',200,'','');
INSERT INTO "journal" VALUES(3,1772442120.0,'getNumJobs','a@b.org',NULL,'ok',200,'','');
CREATE TABLE meta (
	name VARCHAR(64) NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('schema','2');
INSERT INTO "meta" VALUES('scenario','{"name": "tightening-limit", "seed": 12, "values": {}, "text": "description = \"\"\"\\\nThe hard limit on active jobs is generous on Monday, lower on Tuesday and low on Thursday. \\\nWho submits without counting is refused; who throttles never notices.\"\"\"\nseed = 12\nstart = 2026-03-02T09:00:00Z\n\n[[changes]]\nat = 2026-03-03T09:00:00Z\nlimits = { active_jobs = 10 }\n\n[[changes]]\nat = 2026-03-05T09:00:00Z\nlimits = { active_jobs = 3 }\n"}');
INSERT INTO "meta" VALUES('generation','1');
CREATE TABLE rebins (
	rebin_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	job_id INTEGER NOT NULL,
	requested_at DOUBLE NOT NULL,
	started_at DOUBLE NOT NULL,
	ends_at DOUBLE NOT NULL,
	cancelled_at DOUBLE,
	parameters TEXT NOT NULL
);
CREATE TABLE users (
	user_key VARCHAR(320) NOT NULL,
	address VARCHAR(320) NOT NULL,
	token VARCHAR(64) NOT NULL,
	confirmed_at DOUBLE,
	PRIMARY KEY (user_key)
);
CREATE INDEX jobs_by_end ON jobs (active_until);
CREATE INDEX jobs_by_user ON jobs (user_key, job_id);
CREATE INDEX jobs_by_activity ON jobs (user_key, active_until);
CREATE INDEX ix_users_token ON users (token);
CREATE INDEX builds_by_end ON builds (left_at);
CREATE INDEX builds_by_start ON builds (started_at);
DELETE FROM "sqlite_sequence";
COMMIT;
