using System.Runtime.CompilerServices;
using KestrelKv.Client;

namespace KestrelKv.Cli.Scanning;

/// <summary>
/// Reads all entries with a prefix in the order of their keys, as pages of JSON text. The next page is requested while one is used, so that two
/// pages are in memory.
/// </summary>
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

        ValueTask<int> Request(ByteText response, byte[] from) =>
            ScanAsync(client, prefix, from, ", \"limit\": 1000, \"values\": true, \"meta\": true"u8, response, stop);
    }

    /// <summary>Returns the version of the last commit: pages that were read before show no later one.</summary>
    /// <remarks>
    /// Unless the durability is Always, a page can show a removal before watches do, so the version of a page does not suffice. A user without
    /// the right <c>admin</c> gets only the last version that was visible to watches.
    /// </remarks>
    public static async Task<long> LastVersionAsync(KestrelKvClient client, ReadOnlyMemory<byte> prefix, CancellationToken stop)
    {
        var response = new ByteText(1_024);
        await client.CallUtf8Async("INFO", default, response, mayRepeat: true, cancellationToken: stop);
        long last = JsonCursor.NumberOf(response.Span, "version"u8);
        if (last >= 0) return last;
        await ScanAsync(client, prefix, [], ", \"limit\": 1"u8, response, stop);
        return JsonCursor.NumberOf(response.Span, "version"u8);
    }

    /// <summary>Returns the number of keys with a prefix after a key. The parameters are those of <see cref="ReadAsync"/>.</summary>
    public static async Task<long> CountAsync(KestrelKvClient client, ReadOnlyMemory<byte> prefix, byte[] after, CancellationToken stop)
    {
        var response = new ByteText(1_024);
        await ScanAsync(client, prefix, after, ", \"count_only\": true"u8, response, stop);
        return JsonCursor.NumberOf(response.Span, "count"u8);
    }

    private static ValueTask<int> ScanAsync(
        KestrelKvClient client, ReadOnlyMemory<byte> prefix, byte[] after, ReadOnlySpan<byte> options, ByteText response, CancellationToken stop)
    {
        response.Clear();
        ByteText parameters = new ByteText(1_024).Add("\"prefix\": "u8).Add(prefix.Span);
        if (after.Length > 0) parameters.Add(", \"after\": "u8).Add(after);
        return client.CallUtf8Async("SCAN", parameters.Add(options).Memory, response, mayRepeat: true, cancellationToken: stop);
    }

    /// <summary>
    /// Returns the start of the next page, without a pass over the page: in a JSON text, this sequence with unescaped quotes cannot be in a
    /// string, and after the entries there is only one.
    /// </summary>
    private static byte[]? NextOf(ReadOnlySpan<byte> page)
    {
        ReadOnlySpan<byte> mark = "], \"next\": "u8;
        int at = page.LastIndexOf(mark);
        ReadOnlySpan<byte> next = at >= 0 ? new JsonCursor(page[(at + mark.Length)..], 1).TakeValue() : JsonCursor.MemberOf(page, "next"u8);
        return next.IsEmpty || next.SequenceEqual("null"u8) ? null : next.ToArray();
    }
}
