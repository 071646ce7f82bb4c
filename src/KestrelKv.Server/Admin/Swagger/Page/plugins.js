"use strict";

// Adds the plugins. The setting of Swagger UI for plugins evaluates their names as code, which the page's Content-Security-Policy forbids.
document.addEventListener("DOMContentLoaded", () => {
    const original = window.SwaggerUIBundle;

    // From the innermost wrapper to the outermost.
    const plugins = [KestrelKvExactText, KestrelKvWatch, KestrelKvForms];
    window.SwaggerUIBundle = Object.assign(config => original({ ...config, plugins }), original);
});
