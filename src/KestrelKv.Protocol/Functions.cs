using static KestrelKv.Protocol.Parameters;

namespace KestrelKv.Protocol;

/// <summary>
/// The table of all functions with their parameters and errors. The parser validates requests against this table. HELP, the metrics
/// and the description of HTTP are generated from it, and a test compares PROTOCOL.md with it.
/// </summary>
public static class Functions
{
    private static readonly ParameterInfo[] ByNumber =
    [
        Obj, Val, Ack, Parameters.Path, Meta, Ttl, ExpiresAt, IfVersion, IfExists, ReturnOld, RequestId, RequestSeq, Merge, Patch, By,
        Objs, Ops, Prefix, After, Until, Limit, Descending, Values, CountOnly, FromVersion, BookmarkInterval, Watch, User, Secret,
        Touch, Delimiter,
    ];

    internal static readonly FunctionInfo[] Table =
    [
        new(Function.Get, Access.ToKey(Rights.Read), "Returns the value of a key, or a part of the value.", [Obj], [Parameters.Path, Meta, Touch, Ack], Outcomes.OfReads),
        new(Function.Put, Access.ToKey(Rights.Write), "Sets the value of a key, or a part of the value.",
            [Obj, Val], [Parameters.Path, Ttl, ExpiresAt, IfVersion, IfExists, ReturnOld, Meta, Ack, RequestId, RequestSeq], Outcomes.OfEdits),
        new(Function.Delete, Access.ToKey(Rights.Write), "Removes a key.",
            [Obj], [IfVersion, IfExists, ReturnOld, Ack, RequestId, RequestSeq], Outcomes.OfWritesWithOld),
        new(Function.Patch, Access.ToKey(Rights.Read | Rights.Write), "Changes parts of a value. Requires exactly one of merge and patch.",
            [Obj], [Merge, Patch, Ttl, ExpiresAt, IfVersion, IfExists, ReturnOld, Ack, RequestId, RequestSeq], Outcomes.OfPatches),
        new(Function.Incr, Access.ToKey(Rights.Read | Rights.Write), "Adds a number to a number. Creates a missing key or path.",
            [Obj], [By, Parameters.Path, Ttl, ExpiresAt, IfVersion, IfExists, Ack, RequestId, RequestSeq], Outcomes.OfSums),
        new(Function.Expire, Access.ToKey(Rights.Write), "Sets or clears the expiry of a key. Requires exactly one of ttl and expires_at.",
            [Obj], [Ttl, ExpiresAt, IfVersion, IfExists, Ack, RequestId, RequestSeq], Outcomes.OfWrites),
        new(Function.Mget, Access.ToOperations, "Reads many keys from one consistent snapshot.", [Objs], [Parameters.Path, Meta, Touch, Ack],
            [.. Outcomes.OfReads, ErrorCode.ValueTooLong, ErrorCode.Conflict]),
        new(Function.Batch, Access.ToOperations, "Executes operations on any keys atomically: all or none.",
            [Ops], [Ack, RequestId, RequestSeq], Outcomes.OfBatches),
        new(Function.Scan, Access.ToPrefix(Rights.Read), "Lists or counts keys in lexicographic byte order, page by page.",
            [], [Prefix, After, Until, Delimiter, Limit, Descending, Values, Meta, CountOnly], Outcomes.OfReads),
        new(Function.Watch, Access.ToPrefix(Rights.Watch), "Streams all changes, optionally from an earlier version on.",
            [], [Prefix, FromVersion, Values, BookmarkInterval], Outcomes.OfWatches),
        new(Function.Unwatch, Access.OfClients, "Ends a watch.", [Watch], [], [ErrorCode.InvalidValue]),
        new(Function.Ping, Access.Open, "Returns pong.", [], [], []),
        new(Function.Info, Access.OfClients, "Returns statistics of the server and its store.", [], [], []),
        new(Function.Help, Access.OfClients, "Returns all functions with their parameters.", [], [], []),
        new(Function.Auth, Access.Open, "Authenticates the client.", [User, Secret], [], [ErrorCode.AuthFailed, ErrorCode.TlsRequired]),
    ];

    private static readonly FunctionInfo?[] ByFunction = Index();

    /// <summary>The functions, in the order in which HELP lists them.</summary>
    public static IReadOnlyList<FunctionInfo> All => Table;

    /// <summary>The number of values of <see cref="Function"/>, for tables indexed by it.</summary>
    public static int Count => ByFunction.Length;

    internal static int ParameterCount => ByNumber.Length;

    /// <summary>All parameters, as a set.</summary>
    internal static uint AllParameters => (1u << ByNumber.Length) - 1;

    /// <summary>The parameters that apply to a whole batch and are not allowed in its operations.</summary>
    internal static uint NotInABatch { get; } = Ack.Bit | RequestId.Bit | RequestSeq.Bit;

    /// <summary>Returns the description of a function in the table.</summary>
    public static FunctionInfo Of(Function function) => ByFunction[(int)function]!;

    /// <summary>Whether a function has one key, and is therefore allowed in a batch.</summary>
    internal static bool IsOnOneKey(Function function) => function is >= Function.Get and <= Function.Expire;

    internal static ParameterInfo Parameter(int number) => ByNumber[number];

    internal static ParameterInfo Parameter(Parameter parameter) => ByNumber[(int)parameter];

    private static FunctionInfo?[] Index()
    {
        var index = new FunctionInfo?[(int)Enum.GetValues<Function>().Max() + 1];
        foreach (FunctionInfo info in Table) index[(int)info.Function] = info;
        return index;
    }
}
