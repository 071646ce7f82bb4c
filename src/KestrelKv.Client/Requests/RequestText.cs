using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;

namespace KestrelKv.Client.Requests;

/// <summary>Writes requests: <c>{"func": "PUT", "params": {...}[, "trace": "..."]}</c>. Checks arguments, so that nothing invalid is sent.</summary>
/// <remarks>The members stand in the order that the server's fast parser accepts.</remarks>
internal static class RequestText
{
    /// <summary>The deepest nesting of a value, as in the server's default limits.</summary>
    public const int DepthMax = 1_024;

    public static void Begin(RequestBuffer to, string function, KestrelKvClientOptions limits)
    {
        to.BeginFrame(limits.RequestBytesMax);
        to.Write("{\"func\": "u8);
        to.WriteString(function);
        to.Write(", \"params\": {"u8);
    }

    /// <summary>Ends the request.</summary>
    /// <exception cref="ArgumentException">The request is longer than the limit.</exception>
    public static void End(RequestBuffer to, Activity? activity)
    {
        if (activity is { Recorded: true, IdFormat: ActivityIdFormat.W3C, Id: { } id })
        {
            to.Write("}, \"trace\": \""u8);
            to.Write(Encoding.ASCII.GetBytes(id));
            to.Write("\"}"u8);
        }
        else
        {
            to.Write("}}"u8);
        }
        to.EndFrame();
    }

    /// <summary>Writes <c>"obj": KEY</c>.</summary>
    public static void Key(RequestBuffer to, string key, KestrelKvClientOptions limits)
    {
        CheckKey(key, limits, nameof(key));
        to.Write("\"obj\": "u8);
        to.WriteString(key);
    }

    public static void CheckKey(string key, KestrelKvClientOptions limits, string argument, string name = "key")
    {
        ArgumentException.ThrowIfNullOrEmpty(key, argument);
        CheckText(key, limits, argument, name);
    }

    /// <summary>Checks a key, or a part of one, which may be empty.</summary>
    /// <param name="text">The text.</param>
    /// <param name="limits">The limits.</param>
    /// <param name="argument">The name of the argument.</param>
    /// <param name="name">The name of the text in messages.</param>
    public static void CheckText(string text, KestrelKvClientOptions limits, string argument, string name = "key")
    {
        ArgumentNullException.ThrowIfNull(text, argument);
        if (text.Length * 3 > limits.KeyBytesMax && Encoding.UTF8.GetByteCount(text) is var bytes && bytes > limits.KeyBytesMax)
        {
            throw new ArgumentException(
                $"The {name} has {bytes} bytes, expected at most {limits.KeyBytesMax} (KeyBytesMax, the server's Limits:KeyBytesMax).", argument);
        }
        CheckUnicode(text, argument, name);
    }

    /// <summary>Checks a JSON Pointer.</summary>
    public static void CheckPath(string path, string argument)
    {
        ArgumentNullException.ThrowIfNull(path, argument);
        if (path.Length > 0 && path[0] != '/')
            throw ArgumentError.Create($"The path is \"{path}\", expected a JSON Pointer (RFC 6901), such as \"/items/0\", or an empty text.", argument);
        CheckUnicode(path, argument, "path");
    }

    /// <summary>Checks that a text can be converted to UTF-8: a conversion would replace a lone surrogate by another character.</summary>
    private static void CheckUnicode(string text, string argument, string name)
    {
        for (int at = text.AsSpan().IndexOfAnyInRange('\ud800', '\udfff'); at >= 0 && at < text.Length; at++)
        {
            if (!char.IsSurrogate(text[at])) continue;
            if (!char.IsSurrogatePair(text, at++))
                throw new ArgumentException($"The {name} has a lone surrogate at index {at - 1}, expected valid UTF-16.", argument);
        }
    }

    public static void ReadOptions(RequestBuffer to, in GetOptions options)
    {
        if (options.Path is { } path) Path(to, path);
        to.Write(", \"meta\": true"u8);
        if (options.Touch is { } touch) Touch(to, touch);
        if (options.AllowUnsynced) to.Write(", \"ack\": \"memory\""u8);
    }

    public static void Path(RequestBuffer to, string path)
    {
        CheckPath(path, "options");
        to.Write(", \"path\": "u8);
        to.WriteString(path);
    }

    public static void Value<T>(RequestBuffer to, T value, JsonTypeInfo<T> type)
    {
        to.Write(", \"val\": "u8);
        to.WriteValue(value, type);
    }

    /// <summary>Writes JSON text, which must be one whole value.</summary>
    /// <exception cref="ArgumentException">The text is not valid JSON.</exception>
    public static void Value(RequestBuffer to, ReadOnlySpan<byte> member, ReadOnlySpan<byte> json, string argument)
    {
        // The reader of JSON does not check the contents of strings.
        if (!Utf8.IsValid(json)) throw new ArgumentException("The text is not valid UTF-8, expected one JSON value in UTF-8.", argument);
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DepthMax });
            while (reader.Read())
            {
            }
        }
        catch (JsonException e)
        {
            throw new ArgumentException(
                $"The text is not valid JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine} of the line. Expected one JSON value in UTF-8, at most {DepthMax} levels deep.",
                argument, e);
        }
        to.Write(member);
        to.Write(json);
    }

    /// <summary>Writes the options of a write, in the order of the fast parser: <c>meta</c>, ..., <c>request_id</c>, <c>request_seq</c>.</summary>
    public static void WriteOptions(RequestBuffer to, in WriteOptions options, bool meta)
    {
        if (options.Path is { } path) Path(to, path);
        if (meta) to.Write(", \"meta\": true"u8);
        Expiry(to, options.Expiry);
        if (options.IfVersion is { } version)
        {
            if (options.IfExists is not null) throw ArgumentError.OfOptions("IfVersion and IfExists are both set, expected at most one.");
            if (version < 0) throw ArgumentError.OfOptions($"IfVersion is {version}, expected 0 or more.");
            to.Write(", \"if_version\": "u8);
            to.WriteNumber(version);
        }
        else if (options.IfExists is { } exists)
        {
            to.Write(exists ? ", \"if_exists\": true"u8 : ", \"if_exists\": false"u8);
        }
        if (options.ReturnOld) to.Write(", \"return_old\": true"u8);
        if (options.AcknowledgeFromMemory) to.Write(", \"ack\": \"memory\""u8);
    }

    public static void Expiry(RequestBuffer to, Expiry expiry)
    {
        switch (expiry.Kind)
        {
            case ExpiryKind.Never:
                to.Write(", \"ttl\": null"u8);
                break;
            case ExpiryKind.In:
                to.Write(", \"ttl\": "u8);
                to.WriteSeconds(expiry.Milliseconds);
                break;
            case ExpiryKind.At:
                to.Write(", \"expires_at\": "u8);
                to.WriteSeconds(expiry.Milliseconds);
                break;
        }
    }

    public static void RequestId(RequestBuffer to, in RequestSlot slot)
    {
        if (slot.IsNone) return;
        to.Write(", \"request_id\": \""u8);
        to.Write(slot.Id);
        to.Write("\", \"request_seq\": "u8);
        to.WriteNumber(slot.Sequence);
    }

    private static void Touch(RequestBuffer to, TimeSpan touch)
    {
        if (touch <= TimeSpan.Zero) throw ArgumentError.OfOptions($"Touch is {touch}, expected a time greater than zero.");
        to.Write(", \"touch\": "u8);
        to.WriteSeconds(Client.Expiry.In(touch).Milliseconds);
    }
}
