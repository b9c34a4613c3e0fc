-- A database as version 0.1.0 wrote it: scenario `tightening-limit`, two jobs, one change, three calls.
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
INSERT INTO "builds" VALUES(1,0,'image',1772442000.0,1772442005.0,1772442045.0,1772442045.0,1.77244341616627836227e+09,1.37116627840598948756e+03,4,NULL,1.77244341616627836227e+09,381,'[]');
INSERT INTO "builds" VALUES(2,0,'image',1772442000.0,1772442005.0,1772442045.0,1772442045.0,1.77244535075875449181e+09,3.30575875444511393659e+03,4,NULL,1.77244535075875449181e+09,381,'[]');
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
INSERT INTO "changes" VALUES(1,1772442000.0,'{"limits.active_jobs": 7}');
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
INSERT INTO "jobs" VALUES(1,'a@b.org','a@b.org','FO Aqr',1772442000.0,'image',1.77244341616627836227e+09,'{"UserID": "a@b.org", "name": "FO Aqr", "image": 1, "imen": "0.3-10", "getCoords": 1, "getTargs": 1, "cent": 0, "whatSXPS": "2SXPS", "useSXPS": 0, "notify": 0, "lc": 0, "spec": 0, "sourceDet": 0, "sss": "0", "sinceT0": 0, "lcobs": "all", "hrbin": 0, "dopsf": 0, "doenh": 0, "doxastrom": 0, "allxastrom": 0, "do3col": 0, "enh": 0, "outdir": "USERPROD_1", "wtpuprate": 150, "pcpuprate": 0.6, "centMeth": "simple", "maxCentTries": "10", "imobs": "all", "RA": "334.4808", "Dec": "-8.3511", "targ": "{00037961,00093195}", "Tstart": 201312002.05049}');
INSERT INTO "jobs" VALUES(2,'a@b.org','a@b.org','FO Aqr',1772442000.0,'image',1.77244535075875449181e+09,'{"UserID": "a@b.org", "name": "FO Aqr", "image": 1, "imen": "0.3-10", "getCoords": 1, "getTargs": 1, "cent": 0, "whatSXPS": "2SXPS", "useSXPS": 0, "notify": 0, "lc": 0, "spec": 0, "sourceDet": 0, "sss": "0", "sinceT0": 0, "lcobs": "all", "hrbin": 0, "dopsf": 0, "doenh": 0, "doxastrom": 0, "allxastrom": 0, "do3col": 0, "enh": 0, "outdir": "USERPROD_2", "wtpuprate": 150, "pcpuprate": 0.6, "centMeth": "simple", "maxCentTries": "10", "imobs": "all", "RA": "334.4808", "Dec": "-8.3511", "targ": "{00037961,00093195}", "Tstart": 201312002.05049}');
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
INSERT INTO "journal" VALUES(2,1772442000.0,'run_userobject','a@b.org',2,'ok',200,'','');
INSERT INTO "journal" VALUES(3,1772445600.0,'getNumJobs','a@b.org',NULL,'ok',200,'','');
CREATE TABLE meta (
	name VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('schema','1');
INSERT INTO "meta" VALUES('scenario','tightening-limit');
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
CREATE INDEX jobs_by_activity ON jobs (user_key, active_until);
CREATE INDEX jobs_by_user ON jobs (user_key, job_id);
CREATE INDEX jobs_by_end ON jobs (active_until);
CREATE INDEX ix_users_token ON users (token);
CREATE INDEX builds_by_end ON builds (left_at);
CREATE INDEX builds_by_start ON builds (started_at);
COMMIT;
