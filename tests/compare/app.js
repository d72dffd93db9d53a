// An app of atlassian-connect-express (ACE) with one page, which scripts/compare measures beside Latchkey's panel.
//
// By default it has only what ACE needs. With MIDDLEWARE=template it has the middleware of Atlassian's template for ACE, in
// the order in which public apps that were made from the template have it, except for the request log and
// the parts for views in React.
//
// The page is a Handlebars view, as ACE's README recommends, and the tenant is in the store that ACE uses by default, SQLite
// in memory.
"use strict";

const path = require("node:path");

const ace = require("atlassian-connect-express");
const express = require("express");
const hbs = require("express-hbs");

const { MIDDLEWARE, PORT, VIEWS, CLIENT_KEY, SHARED_SECRET, SITE } = process.env;

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

if (MIDDLEWARE === "template") {
  // Loaded only here: the app without them needs no memory for them.
  const compression = require("compression");
  const cookieParser = require("cookie-parser");
  const helmet = require("helmet");
  const nocache = require("nocache");

  app.use(helmet.hsts({ maxAge: 31536000, includeSubDomains: false }));
  app.use(helmet.referrerPolicy({ policy: ["origin"] }));
  app.use(express.json());
  app.use(express.urlencoded({ extended: false }));
  app.use(cookieParser());
  app.use(compression());
  app.use(addon.middleware());
  // The template has files there. The page is none of them, so what is in the folder does not matter.
  app.use(express.static(path.join(__dirname, "public")));
  app.use(nocache());
} else {
  // ACE looks for a token in the body too.
  app.use(express.urlencoded({ extended: false }));
  app.use(addon.middleware());
}
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
