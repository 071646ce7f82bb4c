using System.Text;

namespace KestrelKv.Protocol.Tests;

/// <summary>Requests composed of single parameters.</summary>
public sealed class RequestTextTests
{
    private static readonly FunctionInfo Put = Functions.Of(Function.Put);

    [Theory]
    [InlineData("a")]
    [InlineData("\"}, \"id\": 1")]
    [InlineData("\\ \u0000 \n \u00e9 \ud83d\ude00")]
    public void Parse_AnyKeyAndValue_ReturnsThem(string key)
    {
        using var text = new RequestText(Put);
        text.AddText(Put.Parameter("obj"), key);
        text.AddText(Put.Parameter("ttl"), "1.5");
        text.AddText(Put.Parameter("meta"), "True");
        text.AddText(Put.Parameter("if_version"), "7");
        text.BeginValue(Put.Parameter("val")).Write(" [1.50] "u8);
        text.EndValue();
        Request request = text.Parse(new RequestLimits());

        Assert.Null(request.Error);
        Assert.Equal(key, Encoding.UTF8.GetString(request.Key.Span));
        Assert.Equal("[1.50]", Encoding.UTF8.GetString(request.Value.Span));
        Assert.Equal(
            (new Expiry(ExpiryKind.After, 1_500), true, 7L), (request.Options!.Expiry, request.Options.Meta, request.Options.IfVersion));
    }

    [Theory]
    [InlineData("1, \"obj\": \"other\"", ErrorCode.InvalidJson, "invalid JSON at byte 1")]
    [InlineData("1}}", ErrorCode.InvalidJson, "invalid JSON at byte 1")]
    [InlineData("", ErrorCode.InvalidJson, "the text is empty")]
    [InlineData("\"a", ErrorCode.InvalidJson, "invalid JSON at byte")]
    public void Parse_ValueNotOneJsonText_IsRefused(string value, ErrorCode code, string message)
    {
        using var text = new RequestText(Put);
        text.AddText(Put.Parameter("obj"), "a");
        text.BeginValue(Put.Parameter("val")).Write(Encoding.UTF8.GetBytes(value));
        text.EndValue();
        ProtocolError? error = text.Parse(new RequestLimits()).Error;
        Assert.Equal(code, error?.Code);
        Assert.StartsWith(message, error!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ttl", "1, \"obj\": \"b\"")]
    [InlineData("ttl", "soon")]
    [InlineData("ttl", "")]
    [InlineData("ttl", " 1")]
    [InlineData("ttl", "+1")]
    [InlineData("ttl", "[1]")]
    [InlineData("ttl", "01")]
    [InlineData("meta", "1")]
    [InlineData("meta", "")]
    [InlineData("if_version", "null")]
    public void AddText_WrongType_IsRefusedByName(string name, string value)
    {
        using var text = new RequestText(Put);
        text.AddText(Put.Parameter("obj"), "a");
        text.AddText(Put.Parameter(name), value);
        ProtocolError? error = text.Parse(new RequestLimits()).Error;
        Assert.Equal(ErrorCode.InvalidValue, error?.Code);
        Assert.StartsWith($"\"{name}\" is \"{value}\", expected ", error!.Message, StringComparison.Ordinal);
    }
}
