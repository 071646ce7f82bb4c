using System.Buffers;
using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client.Replies;

namespace KestrelKv.Client.Requests;

/// <summary>GET of a typed value.</summary>
internal readonly struct GetRequest<T>(string key, JsonTypeInfo<T> type, GetOptions options) : IRequest<Entry<T>>
{
    public static string Function => "GET";
    public static LaneKind Lane => LaneKind.Read;
    public CallSettings Settings => new(options.Timeout, options.FailFast);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        RequestText.Key(to, key, limits);
        RequestText.ReadOptions(to, options);
    }

    public Entry<T> Read(ReadOnlySpan<byte> reply) => ReplyText.ReadEntry(ReplyText.OpenOrThrow(reply)).ToEntry(key, type);
}

/// <summary>GET of the exact text of a value.</summary>
/// <param name="key">The key.</param>
/// <param name="destination">Receives the text.</param>
/// <param name="options">The options.</param>
internal readonly struct GetIntoBufferRequest(string key, IBufferWriter<byte> destination, GetOptions options) : IRequest<Entry<int>>
{
    public static string Function => "GET";
    public static LaneKind Lane => LaneKind.Read;
    public CallSettings Settings => new(options.Timeout, options.FailFast);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        RequestText.Key(to, key, limits);
        RequestText.ReadOptions(to, options);
    }

    public Entry<int> Read(ReadOnlySpan<byte> reply)
    {
        EntryText entry = ReplyText.ReadEntry(ReplyText.OpenOrThrow(reply));
        if (entry.Found) destination.Write(entry.Value);
        return new(key, entry.Found, entry.Found ? entry.Value.Length : 0, entry.Version, entry.ExpiresAt);
    }
}

/// <summary>GET of the exact text of a value, into new memory.</summary>
internal readonly struct GetUtf8Request(string key, GetOptions options) : IRequest<Entry<ReadOnlyMemory<byte>>>
{
    public static string Function => "GET";
    public static LaneKind Lane => LaneKind.Read;
    public CallSettings Settings => new(options.Timeout, options.FailFast);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        RequestText.Key(to, key, limits);
        RequestText.ReadOptions(to, options);
    }

    public Entry<ReadOnlyMemory<byte>> Read(ReadOnlySpan<byte> reply)
    {
        EntryText entry = ReplyText.ReadEntry(ReplyText.OpenOrThrow(reply));
        return new(key, entry.Found, entry.Found ? entry.Value.ToArray() : default(ReadOnlyMemory<byte>), entry.Version, entry.ExpiresAt);
    }
}

/// <summary>PUT of a typed value.</summary>
internal readonly struct PutRequest<T>(string key, T value, JsonTypeInfo<T> type, WriteOptions options) : IRequest<WriteResult>
{
    public static string Function => "PUT";
    public static LaneKind Lane => LaneKind.Write;
    public static bool IsWrite => true;
    public CallSettings Settings => new(options.Timeout, options.FailFast, options.Retry);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        RequestText.Key(to, key, limits);
        RequestText.Value(to, value, type);
        RequestText.WriteOptions(to, options, meta: true);
    }

    public WriteResult Read(ReadOnlySpan<byte> reply) => ReplyText.ReadWrite(reply);
}

/// <summary>PUT of JSON text.</summary>
internal readonly struct PutUtf8Request(string key, ReadOnlyMemory<byte> json, WriteOptions options) : IRequest<WriteResult>
{
    public static string Function => "PUT";
    public static LaneKind Lane => LaneKind.Write;
    public static bool IsWrite => true;
    public CallSettings Settings => new(options.Timeout, options.FailFast, options.Retry);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        RequestText.Key(to, key, limits);
        RequestText.Value(to, ", \"val\": "u8, json.Span, nameof(json));
        RequestText.WriteOptions(to, options, meta: true);
    }

    public WriteResult Read(ReadOnlySpan<byte> reply) => ReplyText.ReadWrite(reply);
}

internal readonly struct DeleteRequest(string key, WriteOptions options) : IRequest<WriteResult>
{
    public static string Function => "DELETE";
    public static LaneKind Lane => LaneKind.Write;
    public static bool IsWrite => true;
    public CallSettings Settings => new(options.Timeout, options.FailFast, options.Retry);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        ArgumentError.ThrowIfUnused(options.Path is not null, nameof(options.Path), Function);
        ArgumentError.ThrowIfUnused(options.Expiry.Kind != ExpiryKind.Default, nameof(options.Expiry), Function);
        RequestText.Key(to, key, limits);
        RequestText.WriteOptions(to, options, meta: false);
    }

    public WriteResult Read(ReadOnlySpan<byte> reply) => ReplyText.ReadWrite(reply);
}

/// <summary>PATCH with a JSON Merge Patch.</summary>
internal readonly struct MergeRequest<T>(string key, T patch, JsonTypeInfo<T> type, WriteOptions options) : IRequest<WriteResult>
{
    public static string Function => "PATCH";
    public static LaneKind Lane => LaneKind.Write;
    public static bool IsWrite => true;
    public CallSettings Settings => new(options.Timeout, options.FailFast, options.Retry);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        ArgumentError.ThrowIfUnused(options.Path is not null, nameof(options.Path), Function);
        RequestText.Key(to, key, limits);
        to.Write(", \"merge\": "u8);
        to.WriteValue(patch, type);
        RequestText.WriteOptions(to, options, meta: false);
    }

    public WriteResult Read(ReadOnlySpan<byte> reply) => ReplyText.ReadWrite(reply);
}

/// <summary>PATCH with JSON text: <c>merge</c> or <c>patch</c>.</summary>
internal readonly struct PatchUtf8Request(string key, ReadOnlyMemory<byte> json, bool isMerge, WriteOptions options) : IRequest<WriteResult>
{
    public static string Function => "PATCH";
    public static LaneKind Lane => LaneKind.Write;
    public static bool IsWrite => true;
    public CallSettings Settings => new(options.Timeout, options.FailFast, options.Retry);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        ArgumentError.ThrowIfUnused(options.Path is not null, nameof(options.Path), Function);
        RequestText.Key(to, key, limits);
        RequestText.Value(to, isMerge ? ", \"merge\": "u8 : ", \"patch\": "u8, json.Span, nameof(json));
        RequestText.WriteOptions(to, options, meta: false);
    }

    public WriteResult Read(ReadOnlySpan<byte> reply) => ReplyText.ReadWrite(reply);
}

internal readonly struct IncrementRequest<T>(string key, T by, JsonTypeInfo<T> type, WriteOptions options) : IRequest<IncrementResult<T>>
{
    public static string Function => "INCR";
    public static LaneKind Lane => LaneKind.Write;
    public static bool IsWrite => true;
    public CallSettings Settings => new(options.Timeout, options.FailFast, options.Retry);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        ArgumentError.ThrowIfUnused(options.ReturnOld, nameof(options.ReturnOld), Function);
        RequestText.Key(to, key, limits);
        to.Write(", \"by\": "u8);
        to.WriteValue(by, type);
        RequestText.WriteOptions(to, options, meta: false);
    }

    public IncrementResult<T> Read(ReadOnlySpan<byte> reply) => ReplyText.ReadIncrement(reply, type);
}

internal readonly struct ExpireRequest(string key, Expiry expiry, WriteOptions options) : IRequest<WriteResult>
{
    public static string Function => "EXPIRE";
    public static LaneKind Lane => LaneKind.Write;
    public static bool IsWrite => true;
    public CallSettings Settings => new(options.Timeout, options.FailFast, options.Retry);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        ArgumentError.ThrowIfUnused(options.Path is not null, nameof(options.Path), Function);
        ArgumentError.ThrowIfUnused(options.ReturnOld, nameof(options.ReturnOld), Function);
        if (expiry.Kind == ExpiryKind.Default)
            throw ArgumentError.Create("The expiry is Expiry.Default, expected Expiry.In, Expiry.At or Expiry.Never.", nameof(expiry));
        RequestText.Key(to, key, limits);
        RequestText.WriteOptions(to, options with { Expiry = expiry }, meta: false);
    }

    public WriteResult Read(ReadOnlySpan<byte> reply) => ReplyText.ReadWrite(reply);
}
