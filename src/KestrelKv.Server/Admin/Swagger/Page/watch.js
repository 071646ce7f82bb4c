"use strict";

// Shows the events of a watch as they arrive, with a button to stop it. Swagger UI waits for the end of a response, and a
// watch has none.
const KestrelKvWatch = system => {
    const { createElement: element, useEffect, useReducer, useRef } = system.React;

    // The view keeps only the latest events.
    const textLengthMax = 256 * 1024;

    // Browsers open at most 6 connections to a server across all tabs. Two are reserved for other requests.
    const openMax = 4;
    const tabs = new BroadcastChannel("kestrelkv-watches");

    class Watch {
        id = `${Date.now()}-${Math.random()}`;
        state = "open";
        text = "";
        onChange = () => { };
        #abort;
        #newer = new Set();

        constructor(abort) { this.#abort = abort; }

        // The body that Swagger UI stores for this watch: an event stream comment.
        get placeholder() { return `: ${this.id}\n`; }

        async read(body) {
            tabs.postMessage({ begun: this.id });
            try {
                const reader = body.pipeThrough(new TextDecoderStream()).getReader();
                for (let part; !(part = await reader.read()).done;) this.#add(part.value);
                this.#end("ended by the server");
            } catch (error) {
                this.#end(`broken: ${error.message}`);
            }
        }

        stop(reason = "stopped") {
            this.#end(reason);
            this.#abort.abort();
        }

        onOtherTab({ begun, ended }) {
            if (begun) this.#newer.add(begun);
            this.#newer.delete(ended);
            if (this.#newer.size === openMax) this.stop(`stopped: ${openMax} newer watches are open in other tabs`);
        }

        #add(part) {
            this.text += part;
            if (this.text.length > textLengthMax) {
                // Removes whole events, so that the remaining text is valid.
                const cut = this.text.indexOf("\n\n", this.text.length - textLengthMax / 2);
                this.text = this.text.slice(cut < 0 ? -textLengthMax : cut + 2);
            }
            this.onChange();
        }

        #end(state) {
            if (this.state !== "open") return;
            this.state = state;
            tabs.postMessage({ ended: this.id });
            this.onChange();
        }
    }

    let watch = null;
    tabs.onmessage = event => { if (watch?.state === "open") watch.onOtherTab(event.data); };
    window.addEventListener("pagehide", () => watch?.stop());

    const fetchEvents = async (url, request) => {
        const abort = new AbortController();
        const response = await fetch(url, { ...request, signal: abort.signal });
        if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return response;

        watch?.stop("stopped: another watch was started");
        const begun = watch = new Watch(abort);
        begun.read(response.body);
        const { ok, status, statusText, headers } = response;
        return { ok, url: response.url, status, statusText, headers, text: async () => begun.placeholder };
    };

    const WatchBody = ({ watch: shown, getComponent }) => {
        const [, render] = useReducer(count => count + 1, 0);
        const view = useRef(null);
        useEffect(() => {
            let timer = null;
            shown.onChange = () => timer ??= setTimeout(() => { timer = null; render(); }, 100);
            render();
            return () => {
                clearTimeout(timer);
                shown.onChange = () => { };
                shown.stop();
            };
        }, [shown]);
        useEffect(() => {
            const text = view.current.querySelector("pre");
            text.scrollTop = text.scrollHeight;
        }, [shown.text]);

        return element("div", { ref: view },
            element("h5", null, "Events"),
            element("p", null,
                element("button", { className: "btn stop-watch", onClick: () => shown.stop(), disabled: shown.state !== "open" }, "Stop"),
                " ", element("span", { className: "watch-state" }, shown.state)),
            element(getComponent("ExactText"), { text: shown.text, type: "text/event-stream" }));
    };

    const ResponseBody = Original => props => watch && props.content === watch.placeholder
        ? element(WatchBody, { watch, getComponent: props.getComponent })
        : element(Original, props);

    return {
        wrapComponents: { responseBody: ResponseBody },
        statePlugins: {
            spec: { wrapActions: { executeRequest: original => request => original({ ...request, userFetch: fetchEvents }) } },
        },
    };
};
