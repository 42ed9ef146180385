using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.Logging;

namespace Switchyard.WebConsole;

/// <summary>Renders components to HTML. Safe for concurrent use: every call has its own renderer.</summary>
internal sealed class PageRenderer(IServiceProvider services, ILoggerFactory loggers)
{
    public async Task<string> RenderAsync<TComponent>(params (string Name, object? Value)[] parameters)
        where TComponent : IComponent
    {
        var values = ParameterView.FromDictionary(parameters.ToDictionary(p => p.Name, p => p.Value));
        await using var renderer = new HtmlRenderer(services, loggers);
        return await renderer.Dispatcher.InvokeAsync(async () => (await renderer.RenderComponentAsync<TComponent>(values)).ToHtmlString());
    }
}
