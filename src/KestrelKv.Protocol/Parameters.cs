namespace KestrelKv.Protocol;

/// <summary>The name, type and texts of each parameter.</summary>
internal static class Parameters
{
    public static readonly ParameterInfo Obj = new(Parameter.Obj, "obj", JsonTypes.String,
        "the key as a string", "the key");

    public static readonly ParameterInfo Val = new(Parameter.Val, "val", JsonTypes.Any,
        "any JSON value", "the value");

    public static readonly ParameterInfo Ack = new(Parameter.Ack, "ack", JsonTypes.String,
        "the string \"memory\"", "\"memory\": the reply need not wait for the disk");

    public static readonly ParameterInfo Path = new(Parameter.Path, "path", JsonTypes.String,
        "a JSON Pointer as a string", "a JSON Pointer (RFC 6901): only that part of the value");

    public static readonly ParameterInfo Meta = new(Parameter.Meta, "meta", JsonTypes.Boolean,
        "true or false", "whether the reply also has version and expiry");

    public static readonly ParameterInfo Ttl = new(Parameter.Ttl, "ttl", JsonTypes.Number | JsonTypes.Null,
        "a number of seconds above 0 that ends by the year 9999, or null for no expiry",
        "the expiry in seconds from now; null for no expiry");

    public static readonly ParameterInfo ExpiresAt = new(Parameter.ExpiresAt, "expires_at", JsonTypes.Number | JsonTypes.Null,
        "Unix time in seconds, of the years 1 to 9999, or null for no expiry",
        "the expiry as Unix time in seconds; null for no expiry");

    public static readonly ParameterInfo IfVersion = new(Parameter.IfVersion, "if_version", JsonTypes.Number,
        "a whole number of 0 or more", "only if the entry has this version; 0: only if there is none");

    public static readonly ParameterInfo IfExists = new(Parameter.IfExists, "if_exists", JsonTypes.Boolean,
        "true or false", "true: only if there is an entry; false: only if there is none");

    public static readonly ParameterInfo ReturnOld = new(Parameter.ReturnOld, "return_old", JsonTypes.Boolean,
        "true or false", "whether the reply has the old value");

    public static readonly ParameterInfo RequestId = new(Parameter.RequestId, "request_id", JsonTypes.String,
        "a string of 1 to 128 bytes of UTF-8", "an id of the client's choice, which makes a retry safe");

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
        "a string", "only keys that begin with this string");

    public static readonly ParameterInfo After = new(Parameter.After, "after", JsonTypes.String,
        "a string", "only keys after this one, in the direction of the scan");

    public static readonly ParameterInfo Until = new(Parameter.Until, "until", JsonTypes.String,
        "a string", "only keys before this one, in the direction of the scan");

    public static readonly ParameterInfo Limit = new(Parameter.Limit, "limit", JsonTypes.Number,
        "a whole number of 1 to 1000 (with \"count_only\" of 1 or more)", "the maximum number of entries, 1 to 1,000; default 100");

    public static readonly ParameterInfo Descending = new(Parameter.Descending, "descending", JsonTypes.Boolean,
        "true or false", "whether the greatest key comes first");

    public static readonly ParameterInfo Values = new(Parameter.Values, "values", JsonTypes.Boolean,
        "true or false", "whether the reply also has values");

    public static readonly ParameterInfo CountOnly = new(Parameter.CountOnly, "count_only", JsonTypes.Boolean,
        "true or false", "whether the reply has only the number of entries; limit then has no default and no maximum");

    public static readonly ParameterInfo FromVersion = new(Parameter.FromVersion, "from_version", JsonTypes.Number,
        "a whole number of 1 or more", "the version of the first commit to report; if not given, from now on");

    public static readonly ParameterInfo BookmarkInterval = new(Parameter.BookmarkInterval, "bookmark_interval", JsonTypes.Number,
        "a number of seconds from 0.1 to 3600",
        "the seconds without changes after which the position is reported, 0.1 to 3,600; default 10");

    public static readonly ParameterInfo Watch = new(Parameter.Watch, "watch", JsonTypes.Number,
        "the number of a watch of this connection", "the number in the replies of the watch");
}
