using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>
/// What a connection has done, in plain fields: only its own thread writes them, so counting costs a nanosecond
/// where a metrics instrument costs tens. <see cref="WireMetrics"/> adds them up when it is asked.
/// </summary>
internal sealed class ConnectionCounters
{
    public long Gets;
    public long Puts;
    public long Unknowns;

    /// <summary>GETs answered <see cref="ErrorCode.DiskFailed"/>; they are not among the errors, of which those are PUTs.</summary>
    public long GetsRefused;
    public long BytesReceived;
    public long BytesSent;

    // Most connections never make an error.
    private long[]? _errors;

    public void CountError(ErrorCode code) => (_errors ??= new long[ErrorCodes.Count])[(int)code]++;

    public long Errors(ErrorCode code) => _errors?[(int)code] ?? 0;

    public void Add(ConnectionCounters other)
    {
        Gets += other.Gets;
        Puts += other.Puts;
        Unknowns += other.Unknowns;
        GetsRefused += other.GetsRefused;
        BytesReceived += other.BytesReceived;
        BytesSent += other.BytesSent;
        if (other._errors is not { } errors) return;

        _errors ??= new long[ErrorCodes.Count];
        for (int i = 0; i < errors.Length; i++) _errors[i] += errors[i];
    }

    public void Clear()
    {
        Gets = Puts = Unknowns = GetsRefused = BytesReceived = BytesSent = 0;
        _errors = null;
    }
}
