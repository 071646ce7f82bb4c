using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client.Replies;

namespace KestrelKv.Client.Requests;

/// <summary>MGET of typed values.</summary>
internal readonly struct GetManyRequest<T>(IReadOnlyList<string> keys, JsonTypeInfo<T> type, GetOptions options) : IRequest<IReadOnlyList<Entry<T>>>
{
    public const int KeysMax = 1_000;

    public static string Function => "MGET";
    public static LaneKind Lane => LaneKind.Bulk;
    public CallSettings Settings => new(options.Timeout, options.FailFast);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        if (keys.Count is 0 or > KeysMax)
            throw ArgumentError.Create($"There are {keys.Count} keys, expected 1 to {KeysMax}.", nameof(keys));
        to.Write("\"objs\": ["u8);
        for (int i = 0; i < keys.Count; i++)
        {
            if (i > 0) to.Write(", "u8);
            RequestText.CheckKey(keys[i], limits, nameof(keys));
            to.WriteString(keys[i]);
        }
        to.Write("]"u8);
        RequestText.ReadOptions(to, options);
    }

    public IReadOnlyList<Entry<T>> Read(ReadOnlySpan<byte> reply)
    {
        var entries = new List<Entry<T>>(keys.Count);
        var reader = new EntriesReader(ReplyText.OpenOrThrow(reply));
        while (reader.TryRead(out EntryText entry))
        {
            if (entries.Count == keys.Count) throw ReplyJson.Unexpected($"{keys.Count} entries");
            entries.Add(entry.ToEntry(keys[entries.Count], type));
        }
        if (entries.Count != keys.Count) throw ReplyJson.Unexpected($"{keys.Count} entries");
        return entries;
    }
}

/// <summary>SCAN of one page.</summary>
/// <param name="prefix">The prefix of the keys.</param>
/// <param name="after">The exclusive start; null for the first key.</param>
/// <param name="limit">The maximum number of entries.</param>
/// <param name="type">The type of the values; null for keys only.</param>
/// <param name="delimiter">The delimiter of groups; null for none.</param>
/// <param name="options">The options.</param>
/// <param name="waits">Whether the call waits for a connection without a deadline, whatever the options of the client.</param>
internal readonly struct ScanRequest<T>(
    string prefix, string? after, int limit, JsonTypeInfo<T>? type, string? delimiter, ScanOptions options, bool waits = false)
    : IRequest<ScanPage<T>>
{
    public const int PageSizeMax = 1_000;

    public static string Function => "SCAN";
    public static LaneKind Lane => LaneKind.Bulk;
    public CallSettings Settings => waits ? new(Timeout.InfiniteTimeSpan, FailFast: false) : new(options.Timeout, options.FailFast);

    /// <summary>Checks the arguments of a scan, before its first page is requested.</summary>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    public static void Check(string prefix, string? delimiter, in ScanOptions options, KestrelKvClientOptions limits)
    {
        RequestText.CheckText(prefix, limits, nameof(prefix), nameof(prefix));
        if (delimiter is not null) RequestText.CheckKey(delimiter, limits, nameof(delimiter), nameof(delimiter));
        if (options.After is { } after) RequestText.CheckText(after, limits, nameof(options), nameof(options.After));
        if (options.Until is { } until) RequestText.CheckText(until, limits, nameof(options), nameof(options.Until));
        if (options.PageSize is < 1 or > PageSizeMax) throw ArgumentError.OfOptions($"PageSize is {options.PageSize}, expected 1 to {PageSizeMax}.");
        if (options.Limit is < 1) throw ArgumentError.OfOptions($"Limit is {options.Limit}, expected 1 or more.");
    }

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        to.Write("\"prefix\": "u8);
        to.WriteString(prefix);
        if (after is not null)
        {
            to.Write(", \"after\": "u8);
            to.WriteString(after);
        }
        if (options.Until is { } until)
        {
            to.Write(", \"until\": "u8);
            to.WriteString(until);
        }
        if (options.Descending) to.Write(", \"descending\": true"u8);
        if (type is not null) to.Write(", \"values\": true"u8);
        to.Write(", \"meta\": true, \"limit\": "u8);
        to.WriteNumber(limit);
        if (delimiter is null) return;
        to.Write(", \"delimiter\": "u8);
        to.WriteString(delimiter);
    }

    public ScanPage<T> Read(ReadOnlySpan<byte> reply)
    {
        ReadOnlySpan<byte> response = ReplyText.OpenOrThrow(reply);
        var entries = new List<ScanItem<T>>();
        var reader = new EntriesReader(response);
        while (reader.TryRead(out EntryText entry))
        {
            entries.Add(entry.Prefix.IsEmpty
                ? new(new(EntryText.Text(entry.Key), true, type is null ? default : JsonSerializer.Deserialize(entry.Value, type), entry.Version, entry.ExpiresAt), null, 0)
                : new(default, EntryText.Text(entry.Prefix), entry.Keys));
        }
        return new(entries, reader.Next, reader.Version);
    }
}

/// <summary>An entry of a page, or a group of keys with a common prefix.</summary>
internal readonly record struct ScanItem<T>(Entry<T> Entry, string? Prefix, long Keys);

/// <summary>A page of a scan.</summary>
/// <param name="Items">The entries and groups.</param>
/// <param name="Next">The start of the next page; null on the last one.</param>
/// <param name="Version">The last version that was visible to watches when the server began the page.</param>
internal readonly record struct ScanPage<T>(IReadOnlyList<ScanItem<T>> Items, string? Next, long Version);

internal readonly struct CountRequest(string prefix, CallOptions options) : IRequest<long>
{
    public static string Function => "SCAN";
    public static LaneKind Lane => LaneKind.Bulk;
    public CallSettings Settings => new(options.Timeout, options.FailFast);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        RequestText.CheckText(prefix, limits, nameof(prefix), nameof(prefix));
        to.Write("\"prefix\": "u8);
        to.WriteString(prefix);
        to.Write(", \"count_only\": true"u8);
    }

    public long Read(ReadOnlySpan<byte> reply)
    {
        ReadOnlySpan<byte> response = ReplyText.OpenOrThrow(reply);
        try
        {
            var reader = new Utf8JsonReader(response, ReplyText.ReaderOptions);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("count"u8)) return reader.ReadInteger();
                reader.Skip();
            }
            throw ReplyJson.Unexpected("a count");
        }
        catch (JsonException e)
        {
            throw ReplyJson.NotJson(e);
        }
    }
}
