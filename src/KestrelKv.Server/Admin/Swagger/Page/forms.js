"use strict";

const KestrelKvForms = system => ({
    statePlugins: {
        oas3: {
            wrapActions: {
                // If the content type changes, Swagger UI keeps the edited body and sends it under the wrong type. This clears the body.
                setRequestContentType: original => change => {
                    const result = original(change);
                    system.oas3Actions.setRequestBodyValue({ value: undefined, pathMethod: change.pathMethod });
                    return result;
                },
            },
        },
        spec: {
            wrapActions: {
                // Without a server list, the page calls its own origin, which also works behind a proxy.
                updateJsonSpec: original => document => original({ ...document, servers: undefined }),
            },
        },
    },
});
