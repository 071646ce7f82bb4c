using System.Runtime.CompilerServices;
using KestrelKv.Cli.Transfer.Text;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer;

/// <summary>Reads all entries with a prefix in the order of their keys, as pages of JSON text. The next page is requested while one is
/// used.</summary>
internal static class ScanPages
{
    /// <summary>Reads the pages.</summary>
    /// <param name="client">The client.</param>
    /// <param name="prefix">The prefix as a JSON string with quotes.</param>
    /// <param name="after">The key after which to begin, as a JSON string with quotes; empty for the first key.</param>
    /// <param name="stop">Cancels the calls.</param>
    /// <returns>The responses of SCAN, each valid until the next one is requested.</returns>
    /// <exception cref="KestrelKvException">A call failed.</exception>
    public static async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync(
        KestrelKvClient client, ReadOnlyMemory<byte> prefix, byte[] after, [EnumeratorCancellation] CancellationToken stop)
    {
        var parameters = new ByteText(1_024);
        (ByteText page, ByteText other) = (new(256 * 1024), new(256 * 1024));
        ValueTask<int> call = Request(page, after);
        while (true)
        {
            await call;
            byte[]? next = NextOf(page.Span);
            if (next is null) break;
            call = Request(other, next);
            yield return page.Memory;
            (page, other) = (other, page);
        }
        yield return page.Memory;

        ValueTask<int> Request(ByteText response, byte[] from)
        {
            response.Clear();
            parameters.Clear();
            parameters.Add("\"prefix\": "u8).Add(prefix.Span);
            if (from.Length > 0) parameters.Add(", \"after\": "u8).Add(from);
            parameters.Add(", \"limit\": 1000, \"values\": true, \"meta\": true"u8);
            return client.CallUtf8Async("SCAN", parameters.Memory, response, mayRepeat: true, cancellationToken: stop);
        }
    }

    /// <summary>Returns the last version that was visible to watches.</summary>
    public static async Task<long> LastVersionAsync(KestrelKvClient client, ReadOnlyMemory<byte> prefix, CancellationToken stop)
    {
        var parameters = new ByteText(1_024);
        var response = new ByteText(1_024);
        parameters.Add("\"prefix\": "u8).Add(prefix.Span).Add(", \"limit\": 1"u8);
        await client.CallUtf8Async("SCAN", parameters.Memory, response, mayRepeat: true, cancellationToken: stop);
        return VersionOf(response.Span);
    }

    public static long VersionOf(ReadOnlySpan<byte> response)
    {
        var reader = new EntryReader(response);
        while (reader.TryRead(out _))
        {
        }
        return reader.Version;
    }

    /// <summary>
    /// Returns the start of the next page, without a pass over the page: in a JSON text, this sequence with unescaped quotes cannot be in a
    /// string, and after the entries there is only one.
    /// </summary>
    private static byte[]? NextOf(ReadOnlySpan<byte> page)
    {
        ReadOnlySpan<byte> mark = "], \"next\": "u8;
        int at = page.LastIndexOf(mark);
        if (at >= 0)
        {
            var cursor = new JsonCursor(page[(at + mark.Length)..], 1);
            ReadOnlySpan<byte> next = cursor.TakeValue();
            return next.SequenceEqual("null"u8) ? null : next.ToArray();
        }
        var reader = new EntryReader(page);
        while (reader.TryRead(out _))
        {
        }
        return reader.Next.IsEmpty || reader.Next.SequenceEqual("null"u8) ? null : reader.Next.ToArray();
    }
}
