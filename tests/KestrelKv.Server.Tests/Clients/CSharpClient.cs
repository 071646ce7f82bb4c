using System.Reflection;
using KestrelKv.Testing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using NJsonSchema.CodeGeneration.CSharp;
using NSwag;
using NSwag.CodeGeneration.CSharp;
using NSwag.CodeGeneration.OperationNameGenerators;

namespace KestrelKv.Server.Tests.Clients;

/// <summary>A C# client that NSwag generates.</summary>
internal static class CSharpClient
{
    /// <summary>Generates the client from a description.</summary>
    /// <returns>The client's source.</returns>
    public static async Task<string> GenerateAsync(string description)
    {
        var settings = new CSharpClientGeneratorSettings
        {
            ClassName = "KestrelKvClient",
            OperationNameGenerator = new SingleClientFromOperationIdOperationNameGenerator(),
        };
        settings.CSharpGeneratorSettings.Namespace = "Generated";
        settings.CSharpGeneratorSettings.JsonLibrary = CSharpJsonLibrary.SystemTextJson;
        return new CSharpClientGenerator(await OpenApiDocument.FromJsonAsync(description), settings).GenerateFile();
    }

    /// <summary>Compiles the client along with its calls.</summary>
    public static Assembly Compile(string client)
    {
        string calls = File.ReadAllText(Repository.PathTo("tests", "KestrelKv.Server.Tests", "Clients", "CSharp", "Calls.cs"));
        string all = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        CSharpCompilation compilation = CSharpCompilation.Create(
            "Generated",
            [CSharpSyntaxTree.ParseText(client), CSharpSyntaxTree.ParseText(calls)],
            all.Split(Path.PathSeparator).Select(file => MetadataReference.CreateFromFile(file)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        using var image = new MemoryStream();
        string errors = string.Join('\n', compilation.Emit(image).Diagnostics.Where(each => each.Severity == DiagnosticSeverity.Error));
        Assert.True(errors == "", $"{errors}\n{client}");
        return Assembly.Load(image.ToArray());
    }
}
