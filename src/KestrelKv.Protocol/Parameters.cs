namespace KestrelKv.Protocol;

/// <summary>The name, type and texts of each parameter.</summary>
internal static class Parameters
{
    public static readonly ParameterInfo Obj = new(Parameter.Obj, "obj", JsonTypes.String,
        "the key as a string", "the key");

    public static readonly ParameterInfo Val = new(Parameter.Val, "val", JsonTypes.Any,
        "any JSON value", "the value");

    public static readonly ParameterInfo Ack = new(Parameter.Ack, "ack", JsonTypes.String,
        "the string \"memory\"", "\"memory\": reply before the sync to disk");

    public static readonly ParameterInfo Path = new(Parameter.Path, "path", JsonTypes.String,
        "a JSON Pointer as a string", "the part of the value, as a JSON Pointer (RFC 6901)");

    public static readonly ParameterInfo Meta = new(Parameter.Meta, "meta", JsonTypes.Boolean,
        "true or false", "whether to return version and expires_at, and found except in SCAN");

    public static readonly ParameterInfo Ttl = new(Parameter.Ttl, "ttl", JsonTypes.Number | JsonTypes.Null,
        "a positive number of seconds that ends by the year 9999, or null for no expiry",
        "the expiry, in seconds from now; null for no expiry");

    public static readonly ParameterInfo ExpiresAt = new(Parameter.ExpiresAt, "expires_at", JsonTypes.Number | JsonTypes.Null,
        "a Unix time in seconds in the years 1 to 9999, or null for no expiry",
        "the expiry as Unix time in seconds; null for no expiry");

    public static readonly ParameterInfo IfVersion = new(Parameter.IfVersion, "if_version", JsonTypes.Number,
        "an integer of 0 or more", "precondition: the version of the entry; 0 if the key must not exist");

    public static readonly ParameterInfo IfExists = new(Parameter.IfExists, "if_exists", JsonTypes.Boolean,
        "true or false", "precondition: true if the key must exist, false if it must not");

    public static readonly ParameterInfo ReturnOld = new(Parameter.ReturnOld, "return_old", JsonTypes.Boolean,
        "true or false", "whether to return found and the old value");

    public static readonly ParameterInfo RequestId = new(Parameter.RequestId, "request_id", JsonTypes.String,
        "a string of 1 to 128 bytes of UTF-8", "a client-chosen id that makes retries safe");

    public static readonly ParameterInfo RequestSeq = new(Parameter.RequestSeq, "request_seq", JsonTypes.Number,
        "an integer from 1 to 9007199254740992", "the sequence of request_id, which makes the id reusable: higher for each request");

    public static readonly ParameterInfo Merge = new(Parameter.Merge, "merge", JsonTypes.Any,
        "a JSON Merge Patch", "a JSON Merge Patch (RFC 7396)");

    public static readonly ParameterInfo Patch = new(Parameter.Patch, "patch", JsonTypes.Array,
        "a JSON Patch as an array", "a JSON Patch (RFC 6902)");

    public static readonly ParameterInfo By = new(Parameter.By, "by", JsonTypes.Number,
        "a number", "the number to add; default 1");

    public static readonly ParameterInfo Objs = new(Parameter.Objs, "objs", JsonTypes.Array,
        "an array of 1 to 1000 keys", "1 to 1,000 keys");

    public static readonly ParameterInfo Ops = new(Parameter.Ops, "ops", JsonTypes.Array,
        "an array of 1 to 1000 operations, each {\"func\": ..., \"params\": {...}}", "1 to 1,000 operations, each {\"func\", \"params\"}");

    public static readonly ParameterInfo Prefix = new(Parameter.Prefix, "prefix", JsonTypes.String,
        "a string", "only keys with this prefix");

    public static readonly ParameterInfo After = new(Parameter.After, "after", JsonTypes.String,
        "a string", "the exclusive start, in scan direction");

    public static readonly ParameterInfo Until = new(Parameter.Until, "until", JsonTypes.String,
        "a string", "the exclusive end, in scan direction");

    public static readonly ParameterInfo Limit = new(Parameter.Limit, "limit", JsonTypes.Number,
        "an integer from 1 to 1000 (with \"count_only\", of 1 or more)", "the maximum number of entries, 1 to 1,000; default 100");

    public static readonly ParameterInfo Descending = new(Parameter.Descending, "descending", JsonTypes.Boolean,
        "true or false", "whether the greatest key comes first");

    public static readonly ParameterInfo Values = new(Parameter.Values, "values", JsonTypes.Boolean,
        "true or false", "whether to return values");

    public static readonly ParameterInfo CountOnly = new(Parameter.CountOnly, "count_only", JsonTypes.Boolean,
        "true or false", "whether to return only the number of entries; limit then has no default or maximum");

    public static readonly ParameterInfo FromVersion = new(Parameter.FromVersion, "from_version", JsonTypes.Number,
        "an integer of 1 or more", "the version of the first commit to report; default: the next one");

    public static readonly ParameterInfo BookmarkInterval = new(Parameter.BookmarkInterval, "bookmark_interval", JsonTypes.Number,
        "a number of seconds from 0.1 to 3600",
        "the number of seconds without changes until a bookmark, 0.1 to 3,600; default 10");

    public static readonly ParameterInfo Watch = new(Parameter.Watch, "watch", JsonTypes.Number,
        "the number of a watch of this connection", "the number of the watch, from its replies");

    public static readonly ParameterInfo User = new(Parameter.User, "user", JsonTypes.String, "the name of a user", "the name of the user");

    public static readonly ParameterInfo Secret = new(Parameter.Secret, "secret", JsonTypes.String,
        "the secret of the user", "the secret of the user");

    public static readonly ParameterInfo Touch = new(Parameter.Touch, "touch", JsonTypes.Number,
        "a positive number of seconds that ends by the year 9999",
        "extends the expiry, if the entry has one, to at least this number of seconds from now");

    public static readonly ParameterInfo Delimiter = new(Parameter.Delimiter, "delimiter", JsonTypes.String,
        "a string of 1 to 16 bytes of UTF-8",
        "lists the keys that contain it after the prefix as groups: common prefixes up to and including it, each with its number of keys");
}
