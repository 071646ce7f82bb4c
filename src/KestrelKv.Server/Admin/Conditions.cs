using System.Globalization;
using KestrelKv.Storage;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace KestrelKv.Server.Admin;

/// <summary>
/// The preconditions of a request: <c>If-Match</c> and <c>If-None-Match</c>, RFC 9110, section 13. An entity tag is the
/// version in quotes.
/// </summary>
internal readonly struct Conditions
{
    private readonly IList<EntityTagHeaderValue>? _ifMatch;
    private readonly IList<EntityTagHeaderValue>? _ifNoneMatch;

    private Conditions(IList<EntityTagHeaderValue>? ifMatch, IList<EntityTagHeaderValue>? ifNoneMatch)
    {
        _ifMatch = ifMatch;
        _ifNoneMatch = ifNoneMatch;
    }

    /// <summary>Whether there are any.</summary>
    public bool Any => _ifMatch is not null || _ifNoneMatch is not null;

    /// <summary>The entity tag of a version.</summary>
    public static string ETag(long version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    /// <summary>False where a header is there but can't be read: it must not become no condition at all.</summary>
    public static bool TryRead(HttpRequest request, out Conditions conditions)
    {
        bool readable = TryRead(request.Headers.IfMatch, out var ifMatch);
        readable &= TryRead(request.Headers.IfNoneMatch, out var ifNoneMatch);
        conditions = new(ifMatch, ifNoneMatch);
        return readable;
    }

    /// <summary>What a GET of an entry of this version, 0 for none, is answered with where not with the value: 412 or 304.</summary>
    public int? AnswerToRead(long version)
    {
        if (_ifMatch is not null && !Matches(_ifMatch, version, strong: true)) return StatusCodes.Status412PreconditionFailed;
        if (_ifNoneMatch is not null && Matches(_ifNoneMatch, version, strong: false)) return StatusCodes.Status304NotModified;
        return null;
    }

    /// <summary>The one precondition that they come to; false where it takes more than one.</summary>
    public bool TryGetPrecondition(out Precondition precondition)
    {
        precondition = Precondition.None;
        if (!Any) return true;
        if (_ifMatch is not null && _ifNoneMatch is not null) return false;
        if (_ifNoneMatch is not null)
        {
            precondition = Precondition.Absent;
            return _ifNoneMatch is [var none] && none.Equals(EntityTagHeaderValue.Any);
        }
        if (_ifMatch is not [var tag]) return false;
        precondition = Precondition.Present;
        if (tag.Equals(EntityTagHeaderValue.Any)) return true;

        // A tag that is no version, or weak, is that of no entry; the loop over versions tells so.
        ReadOnlySpan<char> number = tag.Tag.AsSpan()[1..^1];
        if (tag.IsWeak || !long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long version)) return false;
        if (version == 0 || !tag.Tag.Equals(ETag(version), StringComparison.Ordinal)) return false;
        precondition = Precondition.Version(version);
        return true;
    }

    /// <summary>Whether a write is to be done on an entry of this version, 0 for none.</summary>
    public bool AllowWrite(long version) => AnswerToRead(version) is null;

    private static bool TryRead(StringValues header, out IList<EntityTagHeaderValue>? tags)
    {
        tags = null;
        return header.Count == 0 || EntityTagHeaderValue.TryParseStrictList(header!, out tags);
    }

    private static bool Matches(IList<EntityTagHeaderValue> tags, long version, bool strong)
    {
        if (version == 0) return false;
        var own = new EntityTagHeaderValue(ETag(version));
        return tags.Any(tag => tag.Equals(EntityTagHeaderValue.Any) || tag.Compare(own, strong));
    }
}
