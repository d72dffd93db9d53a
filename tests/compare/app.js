// An app of atlassian-connect-express (ACE) with one page, which scripts/compare measures beside Latchkey's panel.
//
// It has only what ACE needs: no request log, compression, cookies or security headers. The page is a Handlebars view, as
// ACE's README recommends, and the tenant is in the store that ACE uses by default, SQLite in memory.
"use strict";

const ace = require("atlassian-connect-express");
const express = require("express");
const hbs = require("express-hbs");

const { PORT, VIEWS, CLIENT_KEY, SHARED_SECRET, SITE } = process.env;

const app = express();
const addon = ace(app, {
  config: {
    production: {
      port: PORT,
      localBaseUrl: `http://127.0.0.1:${PORT}`,
      // Otherwise each statement is printed.
      store: { adapter: "sequelize", type: "memory", logging: false }
    }
  }
});

app.engine("hbs", hbs.express4());
app.set("view engine", "hbs");
app.set("views", VIEWS);

// ACE looks for a token in the body too.
app.use(express.urlencoded({ extended: false }));
app.use(addon.middleware());
app.get("/panel", addon.authenticate(), (request, response) => response.render("panel"));

// What ACE keeps of an installation.
const tenant = {
  key: addon.key,
  clientKey: CLIENT_KEY,
  sharedSecret: SHARED_SECRET,
  baseUrl: SITE,
  productType: "jira",
  eventType: "installed"
};
addon.settings
  .saveInstallation(tenant, CLIENT_KEY)
  .then(() => app.listen(Number(PORT), "127.0.0.1"));
