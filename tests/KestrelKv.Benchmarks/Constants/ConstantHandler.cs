using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Benchmarks.Constants;

/// <summary>Answers all frames of a read with one write.</summary>
internal sealed class ConstantHandler(ConstantReplies replies) : ConnectionHandler
{
    private const int OutputBytes = 64 * 1_024;

    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        PipeWriter output = connection.Transport.Output;
        while (true)
        {
            ReadResult read = await connection.Transport.Input.ReadAsync();
            if (read.IsCompleted) return;
            int used = Answer(read.Buffer, output);
            connection.Transport.Input.AdvanceTo(read.Buffer.GetPosition(used), read.Buffer.End);
            if (used > 0) await output.FlushAsync();
        }
    }

    private int Answer(ReadOnlySequence<byte> received, PipeWriter output)
    {
        if (received.IsSingleSegment) return Answer(received.FirstSpan, output);
        byte[] whole = ArrayPool<byte>.Shared.Rent((int)received.Length);
        received.CopyTo(whole);
        int used = Answer(whole.AsSpan(0, (int)received.Length), output);
        ArrayPool<byte>.Shared.Return(whole);
        return used;
    }

    /// <returns>The number of bytes of all complete requests.</returns>
    private int Answer(ReadOnlySpan<byte> received, PipeWriter output)
    {
        Span<byte> span = default;
        int used = 0, written = 0;
        for (int bytes; (bytes = ConstantReplies.RequestBytes(received[used..])) > 0; used += bytes)
        {
            if (span.Length - written < replies.ReplyBytesMax)
            {
                output.Advance(written);
                span = output.GetSpan(Math.Max(OutputBytes, replies.ReplyBytesMax));
                written = 0;
            }
            written += replies.Write(received.Slice(used, bytes), span[written..]);
        }
        output.Advance(written);
        return used;
    }
}
