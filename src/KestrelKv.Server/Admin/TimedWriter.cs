using System.Buffers;
using System.IO.Pipelines;
using KestrelKv.Protocol;

namespace KestrelKv.Server.Admin;

/// <summary>Writes a response. Aborts the connection if the client does not receive the next part within a timeout.</summary>
/// <remarks>Kestrel's own limit is cumulative: after reading much data quickly, a client could stall for an hour.</remarks>
internal sealed class TimedWriter(HttpResponse response, TimeSpan timeout, TimeProvider time)
{
    private int _unsentBytes;

    /// <summary>Whether the unsent bytes have reached the limit and must be flushed.</summary>
    public bool IsFull => _unsentBytes >= TextBuffer.PieceBytes;

    /// <summary>Buffers bytes for the next <see cref="FlushAsync"/>.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        response.BodyWriter.Write(bytes);
        _unsentBytes += bytes.Length;
    }

    /// <summary>Sends the buffered bytes. Returns false if the client has disconnected or did not receive them in time.</summary>
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
