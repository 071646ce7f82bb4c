using System.Buffers;
using System.IO.Pipelines;
using KestrelKv.Protocol;

namespace KestrelKv.Server.Admin;

/// <summary>Writes a response. A client that does not take the next part within a time is cut off.</summary>
/// <remarks>Kestrel's own limit adds up: it would leave an hour to a client that has read much and then reads no more.</remarks>
internal sealed class TimedWriter(HttpResponse response, TimeSpan timeout, TimeProvider time)
{
    private int _unsentBytes;

    /// <summary>Whether as much is written as should be held for a client.</summary>
    public bool IsFull => _unsentBytes >= TextBuffer.PieceBytes;

    /// <summary>Writes bytes, which are sent by <see cref="FlushAsync"/>.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        response.BodyWriter.Write(bytes);
        _unsentBytes += bytes.Length;
    }

    /// <summary>Sends what was written. False if the client does not take it; the connection is then aborted.</summary>
    public async ValueTask<bool> FlushAsync(CancellationToken cancellationToken)
    {
        _unsentBytes = 0;
        ValueTask<FlushResult> flush = response.BodyWriter.FlushAsync(cancellationToken);
        if (flush.IsCompletedSuccessfully) return !flush.Result.IsCompleted;
        HttpContext http = response.HttpContext;
        await using ITimer late = time.CreateTimer(static http => ((HttpContext)http!).Abort(), http, timeout, Timeout.InfiniteTimeSpan);
        return !(await flush).IsCompleted && !http.RequestAborted.IsCancellationRequested;
    }
}
