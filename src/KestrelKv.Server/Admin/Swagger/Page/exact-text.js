"use strict";

// Shows, copies and downloads the exact text of a response. Swagger UI parses and reserializes JSON, which rounds numbers,
// drops duplicate members and changes escapes and white space.
const KestrelKvExactText = system => {
    const { createElement: element, useState } = system.React;

    // A browser needs seconds to lay out megabytes of text.
    const shownLengthMax = 256 * 1024;

    const copy = text => {
        // The copy event works without HTTPS, unlike the clipboard API, and keeps CR LF, unlike a text field.
        const onCopy = event => {
            event.clipboardData.setData("text/plain", text);
            event.preventDefault();
        };
        document.addEventListener("copy", onCopy, { once: true });
        document.execCommand("copy");
        document.removeEventListener("copy", onCopy);
    };

    const download = (text, type) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob([text], { type }));
        link.download = /json/.test(type) ? "response.json" : "response.txt";
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href));
    };

    // Changes only the white space between tokens.
    const indent = json => {
        const tokens = json.match(/"[^"\\]*(?:\\[^][^"\\]*)*"?|[{}[\],:]|[^\s"{}[\],:]+/g) ?? [];
        let text = "", depth = 0;
        const line = () => "\n" + "  ".repeat(depth);
        tokens.forEach((token, i) => {
            const isEmpty = (token === "}" && tokens[i - 1] === "{") || (token === "]" && tokens[i - 1] === "[");
            if (token === "}" || token === "]") {
                depth--;
                text += isEmpty ? token : line() + token;
            } else {
                if (i > 0 && "{[,".includes(tokens[i - 1])) text += line();
                text += token === ":" ? ": " : token;
            }
            if (token === "{" || token === "[") depth++;
        });
        return text;
    };

    const ExactText = ({ text, type, shown = text.slice(0, shownLengthMax), canIndent = false }) => {
        const [isIndented, setIndented] = useState(false);
        return element("div", { className: "highlight-code" },
            canIndent && element("label", null,
                element("input", { type: "checkbox", checked: isIndented, onChange: event => setIndented(event.target.checked) }),
                " Indent the view"),
            shown.length < text.length &&
                element("p", null, `The first ${shown.length} of ${text.length} characters. Copy and Download use the full text.`),
            element("div", { className: "copy-to-clipboard", title: "Copy the exact text" },
                element("button", { type: "button", "aria-label": "Copy the exact text", onClick: () => copy(text) })),
            element("button", { className: "download-contents", onClick: () => download(text, type) }, "Download"),
            element("pre", { className: "microlight" }, isIndented ? indent(shown) : shown));
    };

    const ResponseBody = Original => props => typeof props.content !== "string"
        ? element(Original, props)
        : element("div", null,
            element("h5", null, "Response body"),
            element(ExactText, { text: props.content, type: props.contentType ?? "", canIndent: /json/.test(props.contentType) }));

    return { components: { ExactText }, wrapComponents: { responseBody: ResponseBody } };
};
