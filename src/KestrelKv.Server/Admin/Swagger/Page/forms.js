"use strict";

const KestrelKvForms = system => ({
    statePlugins: {
        oas3: {
            wrapActions: {
                // Swagger UI keeps an edited body when its type changes, and sends it under a type that it does not have.
                setRequestContentType: original => change => {
                    const result = original(change);
                    system.oas3Actions.setRequestBodyValue({ value: undefined, pathMethod: change.pathMethod });
                    return result;
                },
            },
        },
        spec: {
            wrapActions: {
                // The page calls the server that it came from, behind whatever proxy that is.
                updateJsonSpec: original => document => original({ ...document, servers: undefined }),
            },
        },
    },
});
