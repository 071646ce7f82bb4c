using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>
/// Counts the requests, errors and bytes of a connection in plain fields. Only the connection writes them, so a count costs a
/// nanosecond; a metrics instrument costs tens. <see cref="WireMetrics"/> adds them up on request.
/// </summary>
internal sealed class ConnectionCounters
{
    public long Gets;
    public long Puts;
    public long BytesReceived;
    public long BytesSent;

    // Most connections use no other functions and cause no errors.
    private long[]? _others;
    private long[]? _errors;

    /// <summary>Counts a request answered with a response.</summary>
    public void Count(Function function)
    {
        if (function == Function.Get) Gets++;
        else if (function == Function.Put) Puts++;
        else (_others ??= new long[Functions.Count])[(int)function]++;
    }

    /// <summary>Counts a request answered with an error.</summary>
    public void CountError(ErrorCode code, Function function = Function.Invalid) =>
        (_errors ??= new long[Functions.Count * ErrorCodes.Count])[Index(code, function)]++;

    public long Answered(Function function) => function switch
    {
        Function.Get => Gets,
        Function.Put => Puts,
        _ => _others?[(int)function] ?? 0,
    };

    public long Errors(ErrorCode code, Function function = Function.Invalid) => _errors?[Index(code, function)] ?? 0;

    public void Add(ConnectionCounters other)
    {
        Gets += other.Gets;
        Puts += other.Puts;
        BytesReceived += other.BytesReceived;
        BytesSent += other.BytesSent;
        Add(ref _others, other._others);
        Add(ref _errors, other._errors);
    }

    public void Clear()
    {
        Gets = Puts = BytesReceived = BytesSent = 0;
        _others = _errors = null;
    }

    private static int Index(ErrorCode code, Function function) => ((int)function * ErrorCodes.Count) + (int)code;

    private static void Add(ref long[]? sums, long[]? others)
    {
        if (others is null) return;
        sums ??= new long[others.Length];
        for (int i = 0; i < others.Length; i++) sums[i] += others[i];
    }
}
