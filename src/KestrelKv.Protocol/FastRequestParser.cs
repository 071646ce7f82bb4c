using System.Buffers.Text;
using System.Runtime.CompilerServices;
using System.Text.Unicode;
using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>Parses GET and PUT in the spellings of nearly all clients, faster than the general parser.</summary>
/// <remarks>
/// <code>
///   {"func": "GET", "params": {"obj": "KEY"[, "meta": true]}[, "id": ID]}
///   {"func": "PUT", "params": {"obj": "KEY", "val": VALUE[, "meta": true][, "request_id": "ID"[, "request_seq": N]]}[, "id": ID]}
/// </code>
/// with the members in this order. One space follows each colon and comma, as in Python's <c>json.dumps</c>, or none, as in JavaScript's
/// <c>JSON.stringify</c> and Go's <c>json.Marshal</c>. The key and the request id have no escapes. The operations of a BATCH may have the same
/// spellings. The general parser handles all other bodies, valid or not. For every body that this parser accepts, the general parser returns
/// the same request.
/// </remarks>
internal static class FastRequestParser
{
    /// <summary>Parses the body of a frame, which may be invalid UTF-8. The request refers to the body.</summary>
    /// <returns>False if the request has another spelling, or is invalid.</returns>
    public static bool TryParse(ReadOnlyMemory<byte> body, RequestLimits limits, out Request request)
    {
        request = default;
        ReadOnlySpan<byte> text = body.Span;
        if (text.Length < JsonSkipper.TextBytesMin) return false;

        int at = 0;
        Function function = TakeHead(text, ref at);
        if (function == Function.Invalid) return false;

        var skipper = new JsonSkipper(text, limits.JsonDepthMax);
        int key = at;
        int keyEnd = skipper.SkipCharacters(at);
        if (keyEnd == key || keyEnd - key > limits.KeyBytesMax) return false;

        at = keyEnd;
        if (!Take(text, ref at, "\""u8)) return false;

        int value = 0;
        int valueEnd = 0;
        if (function == Function.Put)
        {
            if (!Take(text, ref at, ", \"val\": "u8) && !Take(text, ref at, ",\"val\":"u8)) return false;
            value = at;
            at = valueEnd = skipper.SkipValue(at);
            if (at < 0) return false;
        }

        bool meta = false;
        JsonSlice requestId = default;
        long sequence = 0;
        int id = 0;
        int idEnd = 0;
        if (!Take(text, ref at, "}}"u8))
        {
            if (text[at..] is [(byte)',', ..])
            {
                meta = Take(text, ref at, ", \"meta\": true"u8) || Take(text, ref at, ",\"meta\":true"u8);
                if (function == Function.Put && !TryTakeRequestId(text, ref skipper, ref at, out requestId, out sequence)) return false;
            }
            if (!Take(text, ref at, "}}"u8))
            {
                if (!Take(text, ref at, "}, \"id\": "u8) && !Take(text, ref at, "},\"id\":"u8)) return false;
                id = at;
                at = idEnd = text[at..] is [(byte)'"', ..] ? skipper.SkipString(at) : skipper.SkipNumber(at);
                if (at < 0 || idEnd - id > Envelope.IdBytesMax || !Take(text, ref at, "}"u8)) return false;
            }
        }

        // Everything outside strings has been compared or skipped, and is ASCII.
        if (at != text.Length || (!skipper.IsAscii && !Utf8.IsValid(text))) return false;

        // Assigns field by field, because a new struct would be copied to the caller.
        request.Function = function;
        request.Body = body;
        request.NameSlice = JsonSlice.Between(key - 1, keyEnd + 1);
        request.KeySlice = JsonSlice.Between(key, keyEnd);
        request.ValueSlice = JsonSlice.Between(value, valueEnd);
        request.IdSlice = JsonSlice.Between(id, idEnd);
        request.RequestIdSlice = requestId;
        request.RequestIdSequence = sequence;
        if (meta) request.Options = RequestOptions.OnlyMeta;
        return true;
    }

    /// <summary>Consumes the request id and its sequence if they come next.</summary>
    /// <returns>False if one of them is invalid, or has another spelling.</returns>
    private static bool TryTakeRequestId(
        ReadOnlySpan<byte> text, ref JsonSkipper skipper, ref int at, out JsonSlice requestId, out long sequence)
    {
        (requestId, sequence) = (default, 0);
        if (!Take(text, ref at, ", \"request_id\": \""u8) && !Take(text, ref at, ",\"request_id\":\""u8)) return true;
        int start = at;
        at = skipper.SkipCharacters(at);
        requestId = JsonSlice.Between(start, at);
        if (requestId.Length is 0 or > RequestLimits.RequestIdBytesMax || !Take(text, ref at, "\""u8)) return false;
        if (!Take(text, ref at, ", \"request_seq\": "u8) && !Take(text, ref at, ",\"request_seq\":"u8)) return true;

        // A JSON number has no sign "+" and no leading zeros.
        if (text[at..] is not [>= (byte)'1' and <= (byte)'9', ..] || !Utf8Parser.TryParse(text[at..], out sequence, out int digits) ||
            sequence > RequestLimits.RequestSequenceMax)
        {
            return false;
        }
        at += digits;
        return true;
    }

    /// <summary>Consumes the text before the key.</summary>
    /// <returns>The function; <see cref="Function.Invalid"/> for another function or spelling.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Function TakeHead(ReadOnlySpan<byte> text, ref int at)
    {
        if (Take(text, ref at, "{\"func\": \"GET\", \"params\": {\"obj\": \""u8) ||
            Take(text, ref at, "{\"func\":\"GET\",\"params\":{\"obj\":\""u8))
            return Function.Get;

        return Take(text, ref at, "{\"func\": \"PUT\", \"params\": {\"obj\": \""u8) ||
            Take(text, ref at, "{\"func\":\"PUT\",\"params\":{\"obj\":\""u8)
            ? Function.Put
            : Function.Invalid;
    }

    /// <summary>Consumes the expected text if it comes next. Inlined, so that the comparison takes a few instructions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Take(ReadOnlySpan<byte> text, ref int at, ReadOnlySpan<byte> expected)
    {
        if (!text[at..].StartsWith(expected)) return false;
        at += expected.Length;
        return true;
    }
}
